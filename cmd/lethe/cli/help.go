package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// usageTemplate is what every verb's help says after its description. The flags that all verbs share are
// listed once, by lethe --help.
const usageTemplate = `Usage:
{{- if .HasAvailableSubCommands}}
  {{.CommandPath}} VERB …
{{- else}}
  {{.UseLine}}
{{- end}}
{{- if .HasExample}}

Examples:
{{.Example}}
{{- end}}
{{- $all := .Commands}}
{{- range $group := .Groups}}

{{.Title}}
{{- range $all}}{{if and (eq .GroupID $group.ID) .IsAvailableCommand}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}
{{- end}}
{{- if and .HasAvailableSubCommands (eq (len .Groups) 0)}}

Verbs:
{{- range $all}}{{if .IsAvailableCommand}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}
{{- end}}
{{- if .HasAvailableLocalFlags}}

{{if .HasParent}}Flags:{{else}}Flags of every verb:{{end}}
{{.LocalFlags.FlagUsagesWrapped 80 | trimTrailingWhitespaces}}
{{- end}}
` + exitStatusHelp

// exitStatusHelp is the contract, as every help says it.
const exitStatusHelp = `
Exit status:
  0 done                    3 refused before anything was touched
  1 failed, not published   4 the new database failed a check, not published
  2 wrong usage or files    130 interrupted
`

// helpCommand shows the help of a verb by its name, as in lethe help env adopt.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "help [VERB…]",
		Short:   "Help for a verb; the same as lethe VERB --help",
		Example: "  lethe help refresh\n  lethe help env adopt",
		RunE: func(c *cobra.Command, args []string) error {
			found, rest, err := c.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return usageError("unknown-verb", errors.New("there is no help for: "+strings.Join(args, " ")), "see: lethe --help")
			}
			found.InitDefaultHelpFlag()
			return found.Help()
		},
		ValidArgsFunction: func(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			found, rest, err := c.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return verbsOf(found), cobra.ShellCompDirectiveNoFileComp
		},
	}
}

// verbsOf lists the verbs below a command.
func verbsOf(c *cobra.Command) []string {
	var names []string
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	return names
}

// needsVerb makes a command that only holds others refuse to run: silence would look like success.
func needsVerb(c *cobra.Command) *cobra.Command {
	c.RunE = func(c *cobra.Command, args []string) error {
		fix := "say one of: " + strings.Join(verbsOf(c), ", ") + "; see: " + c.CommandPath() + " --help"
		if len(args) > 0 {
			return usageError("unknown-verb", errors.New("there is no verb "+c.CommandPath()+" "+args[0]), fix)
		}
		return usageError("missing-verb", errors.New(c.CommandPath()+" needs a verb"), fix)
	}
	return c
}

// unknownVerb turns cobra's refusal of the first word into ours, with the verbs that look like it.
func unknownVerb(root *cobra.Command, word string) error {
	fix := "see: lethe --help"
	root.SuggestionsMinimumDistance = 2 // two typing errors
	if close := root.SuggestionsFor(word); len(close) > 0 {
		fix = "did you mean: lethe " + strings.Join(close, ", lethe ") + "? Otherwise " + fix
	}
	return usageError("unknown-verb", errors.New("there is no verb lethe "+word), fix)
}

// help writes a command's help to stdout: it was asked for.
func (a *app) help(c *cobra.Command, _ []string) {
	about := c.Long
	if about == "" {
		about = c.Short + "."
	}
	fmt.Fprintf(a.Out, "%s\n\n", about)
	c.SetOut(a.Out)
	// A writer that fails has nobody to tell.
	_ = c.UsageFunc()(c)
}
