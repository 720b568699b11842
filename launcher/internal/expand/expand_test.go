package expand

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"batchai.dev/launcher/internal/plan"
)

func TestReferences(t *testing.T) {
	known := map[string]string{"A": "1", "AB": "2", "EMPTY": ""}
	for value, want := range map[string]string{
		"$A":                 "1",
		"$AB${A}b":           "21b",
		"$ABC ${ABC}":        "$ABC ${ABC}", // Not known: left as it is, the shell decides.
		"$$A $(A) ${A":       "$1 $(A) ${A",
		"[$EMPTY]":           "[]",
		`\$A`:                `\1`, // Values are no shell text; there is no quoting in them.
		"$1 $ ${} ${A:-x}":   "$1 $ ${} ${A:-x}",
		"{{node 0}} and $A.": "{{node 0}} and 1.",
	} {
		if got, err := References(value, known); got != want || err != nil {
			t.Errorf("%q: got %q, want %q, %v", value, got, want, err)
		}
	}
}

// TestReferencesThatGrow: forty variables that each name the one before twice would be a terabyte.
func TestReferencesThatGrow(t *testing.T) {
	p := &plan.Plan{}
	container := []string{"V0=0123456789"}
	for i := range 40 {
		p.UserEnvironment = append(p.UserEnvironment, fmt.Sprintf("V%d", i))
		container = append(container, fmt.Sprintf("V%d=$V%d$V%d", i+1, i, i))
	}
	_, err := Shared(container, p, nil)
	if err == nil || !strings.Contains(err.Error(), "variable V14 has 163840 bytes") {
		t.Errorf("%v", err)
	}
}

func TestAddresses(t *testing.T) {
	got, err := Addresses("{{node 0}}:1,{{node 1}}:2 {{node x}} {node 0}", []string{"10.0.0.4", "10.0.0.5"})
	if err != nil || got != "10.0.0.4:1,10.0.0.5:2 {{node x}} {node 0}" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := Addresses("{{node 2}}", []string{"a", "b"}); err == nil {
		t.Error("a node that is not there has no address")
	}
}

func TestPrecedence(t *testing.T) {
	p := &plan.Plan{
		Environment:       []plan.Variable{{Name: "R", Value: "reserved"}, {Name: "LITERAL", Value: "{{node 0}}"}},
		UserEnvironment:   []string{"U", "LATER", "R", "V", "MISSING"},
		SecretEnvironment: []string{"S"},
	}
	container := []string{"IMAGE=i", "U=$R $V $IMAGE", "LATER=$U", "R=user $IMAGE", "V=v=$R", "S=$R",
		"BATCHAI_PLAN=p", "BATCHAI_JOB_KEY=k", "BATCHAI_POD_IP=ip", "BATCHAI_OTHER=o", "PYTHONUNBUFFERED="}
	shared, err := Shared(container, p, nil)
	if err != nil {
		t.Fatal(err)
	}
	environment, err := Task(shared, []plan.Variable{{Name: "IMAGE", Value: "task"}, {Name: "T", Value: "{{node 0}}", Addresses: true}}, []string{"1.2.3.4"})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"BATCHAI_OTHER=o", "IMAGE=task", "LATER=reserved $V $IMAGE", "LITERAL={{node 0}}", "PYTHONUNBUFFERED=",
		"R=reserved", "S=$R", "T=1.2.3.4", "U=reserved $V $IMAGE", "V=v=reserved",
	}
	if !slices.Equal(environment, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(environment, "\n"), strings.Join(want, "\n"))
	}
	if shared, _ := Shared(nil, &plan.Plan{}, nil); shared["PYTHONUNBUFFERED"] != "1" {
		t.Error("Python's output would come late")
	}
}
