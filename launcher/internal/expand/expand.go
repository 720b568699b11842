// Package expand makes the environment of a program from the plan.
//
// The node's conductor calls it. It is pure: what the container's environment holds is handed in.
package expand

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"batchai.dev/launcher/internal/plan"
)

// own are the variables that belong to the launcher and that no program of the user sees.
var own = []string{"BATCHAI_PLAN", "BATCHAI_JOB_KEY", "BATCHAI_POD_IP", "BATCHAI_ROOT", "BATCHAI_TIMING"}

var (
	address   = regexp.MustCompile(`\{\{node (\d+)\}\}`)
	reference = regexp.MustCompile(`\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)\})`)
)

// Addresses replaces every `{{node K}}` by the address of node K.
func Addresses(value string, addresses []string) (string, error) {
	var failed error
	result := address.ReplaceAllStringFunc(value, func(found string) string {
		number, err := strconv.Atoi(address.FindStringSubmatch(found)[1])
		if err != nil || number >= len(addresses) {
			failed = fmt.Errorf("%s: the job has %d nodes", found, len(addresses))
			return found
		}
		return addresses[number]
	})
	return result, failed
}

// longest is what Linux takes of one variable, less its end: name, `=` and value together.
const longest = 128<<10 - 1

// References replaces `$NAME` and `${NAME}` where NAME is known and leaves all else as it is. A
// result of more than longest bytes is not made: variables that refer to each other double in
// length with every step.
func References(value string, known map[string]string) (string, error) {
	size := len(value)
	for _, parts := range reference.FindAllStringSubmatch(value, -1) {
		if replacement, ok := known[parts[1]+parts[2]]; ok {
			size += len(replacement) - len(parts[0])
		}
	}
	if size > longest {
		return "", fmt.Errorf("%d bytes after references are replaced, but Linux takes %d at most; put it into a file", size, longest)
	}
	return reference.ReplaceAllStringFunc(value, func(found string) string {
		parts := reference.FindStringSubmatch(found)
		if replacement, ok := known[parts[1]+parts[2]]; ok {
			return replacement
		}
		return found
	}), nil
}

// Shared returns the variables that all programs of the node see.
//
// Precedence (lowest first): the image's, the user's, secrets, the plan's own (spec 3.2 names them
// reserved). References in a user's value see the plan's variables and the user's earlier ones.
func Shared(container []string, p *plan.Plan, addresses []string) (map[string]string, error) {
	result := map[string]string{}
	for _, entry := range container {
		if name, value, ok := strings.Cut(entry, "="); ok && name != "" && !slices.Contains(own, name) {
			result[name] = value
		}
	}
	reserved, err := values(p.Environment, addresses)
	if err != nil {
		return nil, err
	}
	known := map[string]string{}
	for name, value := range reserved {
		known[name] = value
	}
	for _, name := range p.UserEnvironment {
		value, given := result[name]
		if !given {
			continue
		}
		var err error
		if result[name], err = References(value, known); err != nil {
			return nil, fmt.Errorf("environmentVariables: variable %s has %w", name, err)
		}
		if _, taken := reserved[name]; !taken {
			known[name] = result[name]
		}
	}
	for name, value := range reserved {
		result[name] = value
	}
	if _, given := result["PYTHONUNBUFFERED"]; !given {
		result["PYTHONUNBUFFERED"] = "1"
	}
	return result, nil
}

// Task adds a task's own variables, which win, and returns the form that exec wants, sorted.
func Task(shared map[string]string, variables []plan.Variable, addresses []string) ([]string, error) {
	private, err := values(variables, addresses)
	if err != nil {
		return nil, err
	}
	var result []string
	for name, value := range shared {
		if _, replaced := private[name]; !replaced {
			result = append(result, name+"="+value)
		}
	}
	for name, value := range private {
		result = append(result, name+"="+value)
	}
	slices.Sort(result)
	return result, nil
}

func values(variables []plan.Variable, addresses []string) (map[string]string, error) {
	result := make(map[string]string, len(variables))
	for _, variable := range variables {
		value := variable.Value
		if variable.Addresses {
			var err error
			if value, err = Addresses(value, addresses); err != nil {
				return nil, fmt.Errorf("variable %s: %w", variable.Name, err)
			}
		}
		result[variable.Name] = value
	}
	return result, nil
}
