package cli

import (
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/builtin"
	"github.com/lethedb/lethe/internal/config"
)

// shells are those that can complete.
func shells() []string { return []string{"bash", "zsh", "fish", "powershell"} }

func (a *app) completionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "Print a script that completes verbs, environments and masks",
		Long:  "Prints the completion script of a shell: bash, zsh, fish or powershell.",
		Example: `  source <(lethe completion bash)       in ~/.bashrc
  lethe completion zsh > "${fpath[1]}/_lethe"
  lethe completion fish > ~/.config/fish/completions/lethe.fish`,
		Args:      exactly(1, "the name of a shell: bash, zsh, fish or powershell"),
		ValidArgs: shells(),
		RunE: func(c *cobra.Command, args []string) error {
			switch root := c.Root(); args[0] {
			case "bash":
				return root.GenBashCompletionV2(a.Out, true)
			case "zsh":
				return root.GenZshCompletion(a.Out)
			case "fish":
				return root.GenFishCompletion(a.Out, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(a.Out)
			}
			return usageError("wrong-arguments", fmt.Errorf("no shell is called %q", args[0]), "say bash, zsh, fish or powershell")
		},
	}
}

// completeEnvironment completes a first argument by the environments of the configuration, in silence.
func (a *app) completeEnvironment(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	cfg, found := config.Load(a.config)
	if found.HasErrors() {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return slices.Sorted(maps.Keys(cfg.Environments)), cobra.ShellCompDirectiveNoFileComp
}

// summaryWidth is what fits beside a name in a shell's list.
const summaryWidth = 60

// completeMask completes a first argument by the names of masks.
func completeMask(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	registry, err := anonymize.NewRegistry(builtin.Masks())
	if len(args) > 0 || err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, def := range registry.All() {
		names = append(names, def.Name+"\t"+short(def.Summary, summaryWidth))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeEnvironmentFlag makes a flag complete by the environments.
func (a *app) completeEnvironmentFlag(c *cobra.Command, flag string) {
	// It errs only for a flag that does not exist or has one already; a test completes each.
	_ = c.RegisterFlagCompletionFunc(flag, func(c *cobra.Command, _ []string, word string) ([]string, cobra.ShellCompDirective) {
		return a.completeEnvironment(c, nil, word)
	})
}
