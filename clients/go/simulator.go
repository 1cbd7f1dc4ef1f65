// Package simulator starts a simulated Portmaster core for tests, moves its world and tells what it was asked.
//
// The program portmaster-simulator is found by the variable PORTMASTER_SIMULATOR or on PATH.
package simulator

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// TB is what is needed of a *testing.T, *testing.B or *testing.F.
type TB interface {
	Helper()
	Cleanup(func())
	Fatalf(format string, args ...any)
	TempDir() string
}

// Simulator is one simulated core, in a process of its own.
type Simulator struct {
	// URL is the address of the API, http://127.0.0.1:….
	URL string
	// ControlURL is the address of the control plane.
	ControlURL string
	// Seed is the seed of all chance.
	Seed int64

	t       TB
	command *exec.Cmd
	stop    sync.Once
}

// Start starts a simulator that ends with the test. The test fails when it cannot be started.
func Start(t TB, options ...Option) *Simulator {
	t.Helper()
	s, err := start(t, options)
	if err != nil {
		t.Fatalf("the simulator does not start: %v", err)
	}
	t.Cleanup(s.Stop)
	return s
}

func start(t TB, options []Option) (*Simulator, error) {
	settings := settings{args: []string{"--listen", "127.0.0.1:0", "--control", "127.0.0.1:0", "--ready", "json"}}
	for _, option := range options {
		option(&settings)
	}
	if settings.yaml != "" {
		file := filepath.Join(t.TempDir(), "scenario.yaml")
		if err := os.WriteFile(file, []byte(settings.yaml), 0o600); err != nil {
			return nil, err
		}
		settings.args = append(settings.args, "--scenario", file)
	}
	program := os.Getenv("PORTMASTER_SIMULATOR")
	if program == "" {
		found, err := exec.LookPath("portmaster-simulator")
		if err != nil {
			return nil, fmt.Errorf("PORTMASTER_SIMULATOR is not set, and: %w", err)
		}
		program = found
	}
	command := exec.Command(program, settings.args...)
	var said bytes.Buffer
	command.Stderr = &said
	output, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	reader := bufio.NewReader(output)
	line, err := reader.ReadBytes('\n')
	if err != nil {
		ended := command.Wait()
		return nil, fmt.Errorf("%v\n%s", ended, strings.TrimSpace(said.String()))
	}
	var ready struct {
		API, Control string
		Seed         int64
	}
	if err := json.Unmarshal(line, &ready); err != nil {
		return nil, err
	}
	go func() { _, _ = io.Copy(io.Discard, reader) }()
	return &Simulator{URL: ready.API, ControlURL: ready.Control, Seed: ready.Seed, t: t, command: command}, nil
}

// Stop ends the simulator. It is called by itself when the test ends; stopping twice is stopping once.
func (s *Simulator) Stop() {
	s.stop.Do(func() {
		_ = s.command.Process.Signal(os.Interrupt)
		_ = s.command.Wait()
	})
}

// Change lets something happen now, in the words of a scenario's timeline: all of it, or the test fails.
func (s *Simulator) Change(change any) {
	s.t.Helper()
	s.must(http.MethodPost, "/changes", change, nil)
}

// Patch changes the state by a JSON Merge Patch; nil takes away.
func (s *Simulator) Patch(patch any) {
	s.t.Helper()
	s.must(http.MethodPatch, "/state", patch, nil)
}

// State reads the world in the words of scenarios, whole or below a path such as "network/online".
func (s *Simulator) State(path string, into any) {
	s.t.Helper()
	s.must(http.MethodGet, strings.TrimSuffix("/state/"+path, "/"), nil, into)
}

// Advance moves the clock on; what is due on the way happens first.
func (s *Simulator) Advance(by time.Duration) {
	s.t.Helper()
	s.must(http.MethodPost, "/clock/advance", map[string]string{"by": fmt.Sprintf("%dms", by.Milliseconds())}, nil)
}

// WaitFor waits until count entries of the journal fit, at most timeout. The test fails with the near misses otherwise.
func (s *Simulator) WaitFor(filter map[string]any, count int, timeout time.Duration) {
	s.t.Helper()
	s.must(http.MethodPost, "/journal/wait", map[string]any{
		"match": filter, "count": count, "timeout": fmt.Sprintf("%dms", timeout.Milliseconds()),
	}, nil)
}

// Fault lets something go wrong from now on. What it returns takes it back.
func (s *Simulator) Fault(fault any) (mend func()) {
	s.t.Helper()
	var added struct{ Index int }
	s.must(http.MethodPost, "/faults", fault, &added)
	return func() { s.must(http.MethodDelete, fmt.Sprintf("/faults/%d", added.Index), nil, nil) }
}

// Reset brings everything back to its beginning: world, clock, rules, faults, journal.
func (s *Simulator) Reset() {
	s.t.Helper()
	s.must(http.MethodPost, "/reset", nil, nil)
}

func (s *Simulator) must(method, path string, body, into any) {
	s.t.Helper()
	if err := s.Control(method, path, body, into); err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
}

// Control asks the control plane for anything else: body is sent as JSON unless nil, the answer is read into into unless
// nil. A refusal is an error that says why.
func (s *Simulator) Control(method, path string, body, into any) error {
	var sent io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		sent = bytes.NewReader(text)
	}
	request, err := http.NewRequest(method, s.ControlURL+path, sent)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode >= 300 {
		var problem struct{ Detail string }
		if json.Unmarshal(text, &problem) != nil || problem.Detail == "" {
			problem.Detail = string(text)
		}
		return fmt.Errorf("%s: %s", answer.Status, problem.Detail)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(text, into)
}
