package main

import (
	"bytes"
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"abaton.local/shaper"
)

// config is everything a person can set. This file is the only reader of
// environment, flags and configuration file: flags beat ABATON_ variables,
// which beat the file.
type config struct {
	Address        string   `toml:"address"`
	Names          []string `toml:"names"`
	LAN            string   `toml:"lan_address"`
	LANNames       []string `toml:"lan_names"`
	Invite         string   `toml:"invite_address"`
	Certificate    string   `toml:"certificate"`
	CertificateKey string   `toml:"certificate_key"`
	KeylessKey     string   `toml:"keyless_key"`
	KeylessAccount string   `toml:"keyless_account"`
	KeylessAddress string   `toml:"keyless_address"`
	Shape          string   `toml:"shape"`
	LANShape       string   `toml:"lan_shape"`
	ShapeWindow    duration `toml:"shape_window"`
	PaddedUploads  bool     `toml:"padded_uploads"`
	WithoutPage    bool     `toml:"without_page"`
	Model          string   `toml:"model"`
	Embed          string   `toml:"embed"`
	Engine         string   `toml:"engine"`
	Threads        int      `toml:"threads"`
	Context        int      `toml:"context"`
	Temperature    *float64 `toml:"temperature"`
	Instruction    *string  `toml:"instruction"`
	KeepAlive      duration `toml:"keep_alive"`
	MaxWaiting     int      `toml:"max_waiting"`
	MaxRequests    int      `toml:"max_requests"`
	ResumeSpace    int      `toml:"resume_space"`
	ResponseSpace  int      `toml:"response_space"`
	Isolation      string   `toml:"isolation"`
	Slots          int      `toml:"slots"`
	AcceptUnjailed bool     `toml:"accept_unjailed_engine"`
	Witnesses      []string `toml:"witnesses"`
	User           string   `toml:"user"`
	Person         string   `toml:"person"`
	Folders        folders  `toml:"folders"`

	Models map[string]modelConfig `toml:"models"`
	People map[string]ownShape    `toml:"people"` // by name or ID
	Keys   map[string]ownShape    `toml:"keys"`   // by ID

	around surroundings
}

// surroundings are not settings of ours: conventions of the system that a
// program is expected to follow.
type surroundings struct {
	proxy   string // HTTPS_PROXY, for the door out
	caCerts string // SSL_CERT_FILE, for the door out
	plain   bool   // NO_COLOR: no colours
	dumb    bool   // a terminal that can do nothing but print
	screen  bool   // DISPLAY or WAYLAND_DISPLAY, and not by SSH: a desktop of this machine
}

// duration is a time.Duration that a file and a variable can hold: "5m".
type duration time.Duration

// UnmarshalText reads what time.ParseDuration reads; "-1" means for ever.
func (d *duration) UnmarshalText(b []byte) error {
	if string(b) == "-1" {
		*d = duration(-1)
		return nil
	}
	v, err := time.ParseDuration(string(b))
	if err != nil {
		return fmt.Errorf("%q is not a time such as 30s or 5m", b)
	}
	*d = duration(v)
	return nil
}

// A setting is one key of the file, its variable ABATON_NAME and its flag.
type setting struct {
	key   string // as in the file: "keep_alive"
	value string // what the flag takes, for help; empty for a switch
	help  string
	in    func(*config) any // points at what a TOML value of its kind fits in
}

func (s setting) flag() string     { return strings.ReplaceAll(s.key, "_", "-") }
func (s setting) variable() string { return "ABATON_" + strings.ToUpper(s.key) }

// settings is the fixed table of what can be set, except for folders.
var settings = []setting{
	{"address", "HOST:PORT", "loopback address to listen on (127.0.0.1:8226)", func(c *config) any { return &c.Address }},
	{"names", "NAME,…", "further host names that browsers may use for this server", func(c *config) any { return &c.Names }},
	{"lan_address", "IP:PORT", "one address of this machine where others may come in, by TLS and with an account", func(c *config) any { return &c.LAN }},
	{"lan_names", "NAME,…", "host names by which the others call this machine", func(c *config) any { return &c.LANNames }},
	{"invite_address", "IP:PORT", "the same address and another port, where people whom you invited read how to trust the certificate; without TLS, and only while an invitation is open", func(c *config) any { return &c.Invite }},
	{"certificate", "FILE", "certificate for the others (one by an authority made here)", func(c *config) any { return &c.Certificate }},
	{"certificate_key", "FILE", "its key", func(c *config) any { return &c.CertificateKey }},
	{"keyless_key", "ID", "let programs that can send no key ask as this token (see `abaton keys`): models only, no vault", func(c *config) any { return &c.KeylessKey }},
	{"keyless_account", "NAME", "the account of this machine whose programs may (the one that serves)", func(c *config) any { return &c.KeylessAccount }},
	{"keyless_address", "HOST:PORT", "loopback address for them (127.0.0.1:11434, where they look for Ollama)", func(c *config) any { return &c.KeylessAddress }},
	{"shape", "SHAPE", "how much of an answer's sizes and times is hidden from whoever watches the network, for those who come from this machine: off, pad, paced or sealed (off)", func(c *config) any { return &c.Shape }},
	{"lan_shape", "SHAPE", "the same for those who come from other machines (pad)", func(c *config) any { return &c.LANShape }},
	{"shape_window", "TIME", "how long a sealed answer lasts at least; a longer one takes further such times (32s)", func(c *config) any { return &c.ShapeWindow }},
	{"padded_uploads", "", "refuse shaped questions whose size tells how long they are", func(c *config) any { return &c.PaddedUploads }},
	{"without_page", "", "serve programs alone, and no page to browsers", func(c *config) any { return &c.WithoutPage }},
	{"model", "MODEL", "model to use when none is named", func(c *config) any { return &c.Model }},
	{"embed", "MODEL", "model by which documents are found by meaning (granite-embedding-107m-multilingual, if it is here)", func(c *config) any { return &c.Embed }},
	{"engine", "PATH", "a llama-server of yours, trusted less than an engine pack", func(c *config) any { return &c.Engine }},
	{"threads", "N", "threads that compute (as many as physical cores)", func(c *config) any { return &c.Threads }},
	{"context", "TOKENS", "longest conversation (what fits this machine, at most 16384, and never more than the model's own)", func(c *config) any { return &c.Context }},
	{"temperature", "T", "how freely the model picks its words, 0 to 2 (0.2 for small models, else the engine's own)", func(c *config) any { return &c.Temperature }},
	{"instruction", "TEXT", "what a model is told before a conversation at the terminal (small models: to be truthful and brief)", func(c *config) any { return &c.Instruction }},
	{"keep_alive", "TIME", "how long an idle model stays in memory, -1 for ever (5m)", func(c *config) any { return &c.KeepAlive }},
	{"max_waiting", "N", "questions that may wait for an engine (16)", func(c *config) any { return &c.MaxWaiting }},
	{"max_requests", "N", "requests at work at one time, an eighth of them one person's; a shaped answer is at work until its end (256)", func(c *config) any { return &c.MaxRequests }},
	{"resume_space", "MB", "what each vault may hold so that conversations go on at once after their engine ended, 0 for nothing (2048)", func(c *config) any { return &c.ResumeSpace }},
	{"response_space", "MB", "what each vault may hold of answers that programs ask to be kept, 0 for none (1024)", func(c *config) any { return &c.ResponseSpace }},
	{"isolation", "POLICY", "how people are kept apart: own-engine, a process for each; or pinned-slot, one process of a model for all, which needs less memory and is weaker (own-engine)", func(c *config) any { return &c.Isolation }},
	{"slots", "N", "people that one engine answers at one time under pinned-slot (4)", func(c *config) any { return &c.Slots }},
	{"accept_unjailed_engine", "", "run the engine where no jail is to be had", func(c *config) any { return &c.AcceptUnjailed }},
	{"witnesses", "KEY,…", "public keys of the witnesses whose cosignatures of the audit log are kept", func(c *config) any { return &c.Witnesses }},
	{"person", "NAME", "who you are here (the name of your account)", func(c *config) any { return &c.Person }},
	{"user", "NAME", "account to become when started as root (abaton)", func(c *config) any { return &c.User }},
}

// defaults is what holds when nobody says otherwise.
func defaults() config {
	return config{Address: "127.0.0.1:8226", KeepAlive: duration(5 * time.Minute), KeylessAddress: "127.0.0.1:11434", MaxWaiting: 16, MaxRequests: 256, ResumeSpace: 2048, ResponseSpace: 1024, Isolation: ownEngine, Slots: 4, User: "abaton",
		Shape: shaper.Off.String(), LANShape: shaper.Pad.String(), ShapeWindow: duration(shaper.DefaultWindow)}
}

// flagged collects the flags given, by key, so that they can be applied last.
type flagged struct {
	key    string
	toggle bool
	given  map[string]string
}

func (f flagged) String() string     { return "" }
func (f flagged) IsBoolFlag() bool   { return f.toggle }
func (f flagged) Set(s string) error { f.given[f.key] = s; return nil }

// register adds the flags of the settings named to fs; what is given lands in
// the map returned.
func register(fs *flag.FlagSet, keys []string) map[string]string {
	given := map[string]string{}
	for _, s := range settings {
		if slices.Contains(keys, s.key) {
			fs.Var(flagged{s.key, s.value == "", given}, s.flag(), s.help)
		}
	}
	return given
}

// readConfig reads file, environment and the flags given, in this order. A
// configError says what is wrong and where it stands.
func readConfig(given map[string]string) (config, error) {
	c := defaults()
	if u := os.Getenv("ABATON_USER"); u != "" {
		c.User = u
	}
	if u := given["user"]; u != "" {
		c.User = u
	}
	c.Folders = standardFolders(systemWide(c.User), os.Getenv)
	origin, err := readFile(filepath.Join(c.Folders.Config, "abaton.toml"), &c)
	if err != nil {
		return c, err
	}
	for _, s := range settings {
		if v, ok := os.LookupEnv(s.variable()); ok {
			if err := assign(s.in(&c), v); err != nil {
				return c, configError{fmt.Sprintf("%s: %v", s.variable(), err)}
			}
			origin[s.key] = s.variable()
		}
		if v, ok := given[s.key]; ok {
			if err := assign(s.in(&c), v); err != nil {
				return c, configError{fmt.Sprintf("--%s: %v", s.flag(), err)}
			}
			origin[s.key] = "--" + s.flag()
		}
	}
	c.Folders.fill(os.Getenv)
	c.around = surroundings{
		proxy:   cmp.Or(os.Getenv("HTTPS_PROXY"), os.Getenv("https_proxy")),
		caCerts: os.Getenv("SSL_CERT_FILE"),
		plain:   os.Getenv("NO_COLOR") != "",
		dumb:    os.Getenv("TERM") == "dumb" || os.Getenv("TERM") == "",
		screen:  (os.Getenv("DISPLAY") != "" || os.Getenv("WAYLAND_DISPLAY") != "" || runtime.GOOS == "darwin") && os.Getenv("SSH_CONNECTION") == "",
	}
	return c, c.check(origin)
}

// environment is all of it, for what is handed on when root is left.
func environment() []string { return os.Environ() }

// readFile reads the configuration file over c. No file is no error. The map
// says for each key where its value stands.
func readFile(path string, c *config) (map[string]string, error) {
	origin := map[string]string{}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return origin, nil
	}
	if errors.Is(err, fs.ErrPermission) {
		return nil, configError{fmt.Sprintf("cannot read the configuration: %v; account %q must be allowed to: chmod go+r %s", err, c.User, path)}
	}
	if err != nil {
		return nil, configError{fmt.Sprintf("cannot read the configuration: %v", err)}
	}
	if err := trusted(path); err != nil {
		return nil, err
	}
	d := toml.NewDecoder(bytes.NewReader(b)).DisallowUnknownFields()
	err = d.Decode(c)
	if strict, ok := errors.AsType[*toml.StrictMissingError](err); ok {
		e := strict.Errors[0]
		row, _ := e.Position()
		key := strings.Join(e.Key(), ".")
		hint := ""
		if near := nearest(key, settingKeys()); near != "" {
			hint = fmt.Sprintf("; did you mean %q?", near)
		}
		return nil, configError{fmt.Sprintf("%s line %d: no setting is called %q%s", path, row, key, hint)}
	}
	if e, ok := errors.AsType[*toml.DecodeError](err); ok {
		row, col := e.Position()
		key := strings.Join(e.Key(), ".")
		if key != "" {
			key = key + ": "
		}
		return nil, configError{fmt.Sprintf("%s line %d, column %d: %s%s", path, row, col, key, strings.TrimPrefix(e.Error(), "toml: "))}
	}
	if err != nil {
		return nil, configError{fmt.Sprintf("%s: %v", path, err)}
	}
	for _, s := range settings {
		origin[s.key] = s.key + " in " + path
	}
	return origin, nil
}

func settingKeys() []string {
	keys := []string{"folders.data", "folders.state", "folders.cache", "folders.runtime", "folders.models", "folders.engines"}
	for _, s := range settings {
		keys = append(keys, s.key)
	}
	return keys
}

// assign parses s into what p points to.
func assign(p any, s string) (err error) {
	switch p := p.(type) {
	case *string:
		*p = s
	case *int:
		if *p, err = strconv.Atoi(s); err != nil {
			return fmt.Errorf("%q is not a whole number", s)
		}
	case *bool:
		if *p, err = strconv.ParseBool(s); err != nil {
			return fmt.Errorf("%q is neither true nor false", s)
		}
	case **string:
		*p = &s
	case **float64:
		v, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return fmt.Errorf("%q is not a number", s)
		}
		*p = &v
	case *duration:
		return p.UnmarshalText([]byte(s))
	case *[]string:
		*p = strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
	}
	return nil
}

// tokenIDs are as `abaton keys` shows them.
var tokenIDs = regexp.MustCompile(`^[0-9a-f]{16}$`)

// check refuses values out of range and says where each came from.
func (c *config) check(origin map[string]string) error {
	bad := func(key, why string) error {
		return configError{fmt.Sprintf("%s: %s", cmp.Or(origin[key], key), why)}
	}
	host, port, err := net.SplitHostPort(c.Address)
	if err != nil {
		return bad("address", fmt.Sprintf("%q is not an address such as 127.0.0.1:8226", c.Address))
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil {
		return bad("address", fmt.Sprintf("%q is not a port from 0 to 65535", port))
	} else if ip := net.ParseIP(host); n > 65535 || host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return bad("address", fmt.Sprintf("%s is not this machine alone; only a loopback address such as 127.0.0.1 or [::1] is allowed here, "+
			"for it has no TLS; other machines come in by --lan-address", cmp.Or(host, "an empty host")))
	}
	if c.Invite != "" && (c.LAN == "" || c.Certificate != "") {
		return bad("invite_address", "it tells how to trust the certificate that is made for lan_address: set that, and no certificate of your own")
	}
	for key, word := range map[string]string{"shape": c.Shape, "lan_shape": c.LANShape} {
		if m, err := shaper.ParseMode(word); err != nil || m == shaper.Channel {
			return bad(key, "off, pad, paced or sealed")
		}
	}
	if where, why := c.checkOwnShapes(); why != "" {
		return bad(where, why)
	}
	switch {
	case time.Duration(c.ShapeWindow) < time.Second || time.Duration(c.ShapeWindow) > 10*time.Minute || time.Duration(c.ShapeWindow)%time.Second != 0:
		return bad("shape_window", "whole seconds from 1s to 10m")
	case c.Threads < 0 || c.Threads > 1024:
		return bad("threads", "from 1 to 1024, or 0 for as many as physical cores")
	case c.Context < 0 || c.Context > 16<<20 || c.Context > 0 && c.Context < 64:
		return bad("context", "from 64 to 16777216 tokens, or 0 for what fits")
	case c.Temperature != nil && !(*c.Temperature >= 0 && *c.Temperature <= 2):
		return bad("temperature", "from 0 to 2")
	case c.KeepAlive != -1 && time.Duration(c.KeepAlive) < time.Second:
		return bad("keep_alive", "1s or more, or -1 for ever")
	case c.MaxWaiting < 1 || c.MaxWaiting > 10000:
		return bad("max_waiting", "from 1 to 10000")
	case c.MaxRequests < 16 || c.MaxRequests > 20000:
		return bad("max_requests", "from 16 to 20000")
	case c.ResponseSpace < 0 || c.ResponseSpace > 1<<20:
		return bad("response_space", "from 1 to 1048576 MB, or 0 for none")
	case c.ResumeSpace < 0 || c.ResumeSpace > 1<<20:
		return bad("resume_space", "from 1 to 1048576 MB, or 0 for nothing")
	case c.Isolation != ownEngine && c.Isolation != pinnedSlot:
		return bad("isolation", ownEngine+" or "+pinnedSlot)
	case c.Slots < 1 || c.Slots > 64:
		return bad("slots", "from 1 to 64")
	case c.User == "" || c.User == "root":
		return bad("user", "needs an account other than root")
	}
	for name, m := range c.Models {
		if why := m.check(); why != "" {
			return bad("models."+cleanLine(name), why)
		}
		if is := c.Models[m.Is].Is; m.Is != "" && is != "" {
			return bad("models."+cleanLine(name), "is: names a name of your own; write the model's")
		}
	}
	if k := c.KeylessKey; k != "" && !tokenIDs.MatchString(k) {
		return bad("keyless_key", "it is no token's ID: `abaton keys` lists yours, 16 digits each")
	}
	if c.KeylessKey == "" && c.KeylessAccount != "" {
		return bad("keyless_key", "say as which token programs without a key shall act")
	}
	if _, err := witnessKeys(c.Witnesses); err != nil {
		return bad("witnesses", err.Error())
	}
	return nil
}
