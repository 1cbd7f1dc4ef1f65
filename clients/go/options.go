package simulator

import (
	"encoding/json"
	"fmt"
)

type settings struct {
	args []string
	yaml string
}

// An Option says how a simulator is started; what is not said is as on the command line.
type Option func(*settings)

// Flags are further flags of the program, as they are.
func Flags(flags ...string) Option {
	return func(s *settings) { s.args = append(s.args, flags...) }
}

// Scenario is the name of a bundled scenario, or a YAML file.
func Scenario(name string) Option { return Flags("--scenario", name) }

// World is a scenario written in the test, as YAML.
func World(yaml string) Option { return func(s *settings) { s.yaml = yaml } }

// Contract is the version of the API: docs, v1.0, v1.6, v2.0, v2.1 or v2.2.
func Contract(name string) Option { return Flags("--contract", name) }

// Seed is the seed of all chance.
func Seed(seed int64) Option { return Flags("--seed", fmt.Sprint(seed)) }

// Clock is frozen, manual, running, or a factor such as x60.
func Clock(mode string) Option { return Flags("--clock", mode) }

// APIKey adds a key, as the core has them: KEY?read=user&write=admin.
func APIKey(key string) Option { return Flags("--api-key", key) }

// DevMode switches authentication off.
func DevMode() Option { return Flags("--dev-mode") }

// Set sets an option of the core.
func Set(key string, value any) Option {
	text, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("simulator.Set(%q): %v", key, err))
	}
	return Flags("--set", key+"="+string(text))
}
