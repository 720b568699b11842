// Package plan reads what the operator wants of one node: BATCHAI_PLAN.
//
// Every subcommand starts here. It must not expand anything and must not touch the file system.
package plan

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// Version is the only version of the plan that this launcher understands.
const Version = 1

// maxNodes bounds what a plan can make the launcher remember; the operator's bound is lower.
const maxNodes = 4096

// Plan is everything that one node of one job has to do.
type Plan struct {
	Version           int               `json:"version"`
	Job               Job               `json:"job"`
	Node              Node              `json:"node"`
	Meeting           *Meeting          `json:"meeting"`
	Environment       []Variable        `json:"environment"`
	UserEnvironment   []string          `json:"userEnvironment"`
	SecretEnvironment []string          `json:"secretEnvironment"`
	Folders           []string          `json:"folders"`
	Links             []Link            `json:"links"`
	WorkingDirectory  string            `json:"workingDirectory"`
	Hostfile          *Hostfile         `json:"hostfile"`
	Logs              Logs              `json:"logs"`
	Directories       map[string]string `json:"directories"`
	MaxSeconds        *int64            `json:"maxSeconds"`
	Preparation       *Preparation      `json:"preparation"`
	Tasks             []Task            `json:"tasks"`
}

// Job names the job; it appears in messages only.
type Job struct {
	Workspace  string `json:"workspace"`
	Experiment string `json:"experiment"`
	Name       string `json:"name"`
	UID        string `json:"uid"`
}

// Node is this node's place among the job's nodes.
type Node struct {
	Index int    `json:"index"`
	Count int    `json:"count"`
	ID    string `json:"id"`
}

// Meeting is where node 0 listens.
type Meeting struct {
	Host string `json:"host"`
	Port int    `json:"port"`
}

// Variable is one environment variable; with Addresses, `{{node K}}` stands for node K's IP.
type Variable struct {
	Name      string `json:"name"`
	Value     string `json:"value"`
	Addresses bool   `json:"addresses"`
}

// Link is a symbolic link that `prepare` makes.
type Link struct {
	Path   string `json:"path"`
	Target string `json:"target"`
}

// Hostfile is OpenMPI's list of hosts; Slots has one number per node.
type Hostfile struct {
	Path  string `json:"path"`
	Slots []int  `json:"slots"`
}

// Kinds of the place that keeps the logs.
const (
	KindShare = "share" // A file share: others see a write at once.
	KindBlob  = "blob"  // A blob container: a file is visible, and uploaded, when it is closed.
	KindLocal = "local" // The Pod's own disk.
)

// Logs says where the node's output goes.
type Logs struct {
	Directory    string `json:"directory"`
	Kind         string `json:"kind"`
	ExecutionLog string `json:"executionLog"`
	// PatienceSeconds is how long a volume that takes nothing is waited for; 0 = the launcher's own.
	PatienceSeconds int64 `json:"patienceSeconds"`
}

// Preparation runs once on each node before any task of any node.
type Preparation struct {
	CommandLine string `json:"commandLine"`
	Stdout      string `json:"stdout"`
	Stderr      string `json:"stderr"`
}

// Task is one process of the job. All decisive tasks of all nodes ending with 0 end the job.
type Task struct {
	Name        string     `json:"name"`
	Decisive    bool       `json:"decisive"`
	CommandLine string     `json:"commandLine"`
	Environment []Variable `json:"environment"`
	Stdout      string     `json:"stdout"`
	Stderr      string     `json:"stderr"`
}

// Parse reads and checks a plan. An error names the field.
func Parse(text string) (*Plan, error) {
	if text == "" {
		return nil, errors.New("BATCHAI_PLAN is not set; this program runs only in Pods made by batchai-operator")
	}
	p := &Plan{}
	if err := json.Unmarshal([]byte(text), p); err != nil {
		return nil, fmt.Errorf("BATCHAI_PLAN: %w", err)
	}
	if err := p.check(); err != nil {
		return nil, fmt.Errorf("BATCHAI_PLAN: %w", err)
	}
	return p, nil
}

// Streams lists the names of all output files of this node, except the execution log.
func (p *Plan) Streams() []string {
	var names []string
	if p.Preparation != nil {
		names = append(names, p.Preparation.Stdout, p.Preparation.Stderr)
	}
	for _, task := range p.Tasks {
		names = append(names, task.Stdout, task.Stderr)
	}
	return names
}

func (p *Plan) check() error {
	if p.Version != Version {
		return fmt.Errorf("version is %d, this launcher understands %d: operator and launcher image differ", p.Version, Version)
	}
	if p.Node.Count > maxNodes {
		return fmt.Errorf("node: count %d is more than %d", p.Node.Count, maxNodes)
	}
	if p.Node.Count < 1 || p.Node.Index < 0 || p.Node.Index >= p.Node.Count {
		return fmt.Errorf("node: index %d of %d", p.Node.Index, p.Node.Count)
	}
	if p.Node.Count > 1 && (p.Meeting == nil || p.Meeting.Host == "" || p.Meeting.Port <= 0 || p.Meeting.Port > 65535) {
		return fmt.Errorf("meeting: needed for %d nodes", p.Node.Count)
	}
	switch p.Logs.Kind {
	case KindShare, KindBlob, KindLocal:
	default:
		return fmt.Errorf("logs.kind: %q is none of share, blob, local", p.Logs.Kind)
	}
	paths := map[string]string{"workingDirectory": p.WorkingDirectory, "logs.directory": p.Logs.Directory}
	for id, path := range p.Directories {
		paths["directories."+id] = path
	}
	for i, folder := range p.Folders {
		paths[fmt.Sprintf("folders[%d]", i)] = folder
	}
	for i, link := range p.Links {
		paths[fmt.Sprintf("links[%d].path", i)] = link.Path
	}
	for field, path := range paths {
		if !filepath.IsAbs(path) {
			return fmt.Errorf("%s: %q is not an absolute path", field, path)
		}
	}
	if p.Logs.PatienceSeconds < 0 {
		return fmt.Errorf("logs.patienceSeconds: %d is less than 0", p.Logs.PatienceSeconds)
	}
	if p.Hostfile != nil && len(p.Hostfile.Slots) != p.Node.Count {
		return fmt.Errorf("hostfile.slots: %d numbers for %d nodes", len(p.Hostfile.Slots), p.Node.Count)
	}
	return p.checkFiles()
}

// checkFiles makes sure that no two writers share a file and that no name leaves its folder.
func (p *Plan) checkFiles() error {
	seen := map[string]bool{}
	for _, name := range append(p.Streams(), p.Logs.ExecutionLog) {
		if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
			return fmt.Errorf("%q cannot be the name of a log file", name)
		}
		if seen[name] {
			return fmt.Errorf("two outputs are named %q", name)
		}
		seen[name] = true
	}
	return nil
}
