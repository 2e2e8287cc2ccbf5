package config

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const (
	configFlag = "config"
	checkFlag  = "check-config"
)

// Bind registers the settings of the struct that cfg points to as flags of
// cmd, and --config and --check-config. It makes wrong flags and stray
// arguments errors that match ErrUsage.
func Bind(cmd *cobra.Command, cfg any) {
	fs := cmd.Flags()
	fs.String(configFlag, "", "YAML `file` with settings")
	fs.Bool(checkFlag, false, "check the configuration and exit")
	for _, f := range fieldsOf(cfg) {
		bindField(fs, f)
	}
	Strict(cmd)
}

// Strict makes wrong flags and stray arguments of cmd errors that match
// ErrUsage. Bind calls it.
func Strict(cmd *cobra.Command) {
	cmd.SetFlagErrorFunc(flagError)
	if cmd.Args == nil {
		cmd.Args = noArgs
	}
}

// CheckOnly reports whether --check-config was given: after a Load without
// error the command is to exit 0.
func CheckOnly(cmd *cobra.Command) bool {
	only, err := cmd.Flags().GetBool(checkFlag)
	return err == nil && only
}

func bindField(fs *pflag.FlagSet, f field) {
	if f.hasFlag() {
		flag := fs.VarPF(&flagText{text: f.def, kind: f.kind()}, f.flag(), "", f.usage+" ("+f.env()+")")
		if f.kind() == "bool" {
			flag.NoOptDefVal = "true"
		}
	}
	if f.hasFile() {
		usage := "`file` that holds " + f.name + " (" + f.env() + "_FILE)"
		if !f.hasFlag() {
			usage = "`file` that holds the " + f.usage + " (" + f.env() + "_FILE, or the value in " + f.env() + ")"
		}
		fs.Var(&flagText{kind: "string"}, flagName(f.fileKey()), usage)
	}
}

// flagText takes any text: values are parsed in Load, so that all problems
// are reported together and none repeats a secret.
type flagText struct{ text, kind string }

func (v *flagText) String() string        { return v.text }
func (v *flagText) Set(text string) error { v.text = text; return nil }
func (v *flagText) Type() string          { return v.kind }

func flagError(cmd *cobra.Command, err error) error {
	if errors.Is(err, pflag.ErrHelp) {
		return err
	}
	unknown, ok := errors.AsType[*pflag.NotExistError](err)
	if !ok {
		return &Invalid{Reason: err.Error()}
	}
	var known []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, "--"+f.Name) })
	name := "--" + unknown.GetSpecifiedName()
	if unknown.GetSpecifiedShortnames() != "" {
		name = "-" + unknown.GetSpecifiedName()
	}
	return &Invalid{name, "unknown flag" + suggest(name, known)}
}

// noArgs does not repeat the arguments: one may be a secret that lost its flag.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return &Invalid{Reason: strings.TrimSpace(cmd.CommandPath() + " takes no arguments; see --help")}
}
