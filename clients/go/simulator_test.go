package simulator_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	simulator "portmaster-simulator"
)

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

func TestAnswersAndMoves(t *testing.T) {
	core := simulator.Start(t, simulator.Scenario("home-office"), simulator.Contract("v2.2"), simulator.Clock("manual"),
		simulator.DevMode(), simulator.Seed(7), simulator.Set("spn/enable", false))
	if status, body := get(t, core.URL+"/api/v1/ping"); status != 200 || body != "Pong.\n" {
		t.Errorf("ping: %d %q", status, body)
	}
	if core.Seed != 7 {
		t.Errorf("seed %d", core.Seed)
	}
	core.Change(map[string]any{"network": map[string]any{"online": "offline"}})
	var online string
	core.State("network/online", &online)
	if online != "offline" {
		t.Errorf("online is %s", online)
	}
	core.Advance(5 * time.Minute)
	core.WaitFor(map[string]any{"path": "ping"}, 1, time.Second)
	core.Reset()
	core.State("network/online", &online)
	if online != "online" {
		t.Errorf("after a reset online is %s", online)
	}
}

func TestFaultsComeAndGo(t *testing.T) {
	core := simulator.Start(t)
	mend := core.Fault(map[string]any{"when": map[string]any{"path": "ping"}, "effect": map[string]any{"status": 503}})
	if status, _ := get(t, core.URL+"/api/v1/ping"); status != 503 {
		t.Errorf("status %d", status)
	}
	mend()
	if status, _ := get(t, core.URL+"/api/v1/ping"); status != 200 {
		t.Errorf("status %d", status)
	}
}

func TestAWorldOfItsOwn(t *testing.T) {
	core := simulator.Start(t, simulator.World("{name: mine, about: Mine., network: {online: limited}}"))
	var online string
	core.State("network/online", &online)
	if online != "limited" {
		t.Errorf("online is %s", online)
	}
}

// failing keeps what a failed test says.
type failing struct {
	*testing.T
	said string
}

func (f *failing) Fatalf(format string, args ...any) {
	f.said = fmt.Sprintf(format, args...)
	panic(f)
}

func TestMistakesSayWhatIsWrong(t *testing.T) {
	broken := &failing{T: t}
	func() {
		defer func() { _ = recover() }()
		simulator.Start(broken, simulator.Scenario("nowhere"))
	}()
	if !strings.Contains(broken.said, "nowhere") {
		t.Errorf("said: %q", broken.said)
	}
	core := simulator.Start(t)
	err := core.Control(http.MethodPost, "/changes", map[string]any{"netwerk": nil}, nil)
	if err == nil || !strings.Contains(err.Error(), "netwerk") {
		t.Errorf("said: %v", err)
	}
}
