package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// keptVariables are all that an account is left of root's environment, beside
// what is ours by its name (ABATON_…) and the language (LC_…): how the terminal
// is, and how the way out of this network is. pip is asked for the latter, so
// its own settings stay. A token, a password or a key that root was started
// with is nobody else's business; neither are root's folders.
var keptVariables = []string{
	"TERM", "NO_COLOR", "LANG", "LANGUAGE", "TZ",
	"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy",
	"SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
	"PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_NO_INDEX", "PIP_PROXY", "PIP_CERT", "PIP_CLIENT_CERT", "PIP_TRUSTED_HOST", "PIP_CONFIG_FILE",
}

// usualPath is where programs lie on every system that we know.
const usualPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// accountEnvironment is what the program finds when it starts anew as a: from
// root's environment what is kept, and the account's own names.
func accountEnvironment(roots []string, a account, home string) []string {
	env := []string{"HOME=" + home, "USER=" + a.name, "LOGNAME=" + a.name, "ABATON_USER=" + a.name}
	path := usualPath
	for _, variable := range roots {
		name, value, _ := strings.Cut(variable, "=")
		switch {
		case name == "PATH":
			path = safePath(value, a.uid)
		case name == "ABATON_USER":
		case strings.HasPrefix(name, "ABATON_"), strings.HasPrefix(name, "LC_"), slices.Contains(keptVariables, name):
			env = append(env, variable)
		}
	}
	return append(env, "PATH="+path)
}

// safePath keeps the folders of a search path into which nobody but root and
// the account can put a program.
func safePath(path string, uid int) string {
	var kept []string
	for _, dir := range filepath.SplitList(path) {
		info, err := os.Stat(dir)
		if err != nil || !filepath.IsAbs(dir) || !info.IsDir() || info.Mode().Perm()&0o022 != 0 {
			continue
		}
		if owner := ownerOf(info); owner == 0 || owner == uid {
			kept = append(kept, dir)
		}
	}
	if kept == nil {
		return usualPath
	}
	return strings.Join(kept, string(filepath.ListSeparator))
}

// startAnew replaces this process by the same program with the same arguments,
// an environment and the three standard descriptors, and nothing else: neither
// a child nor /proc/PID/environ shows any more what root was started with. It
// returns only when that failed.
func startAnew(env []string) error {
	if err := closeOnExec(); err != nil {
		return err
	}
	return syscall.Exec("/proc/self/exe", os.Args, env)
}
