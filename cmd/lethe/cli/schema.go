package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/builtin"
	"github.com/lethedb/lethe/internal/config"
	"github.com/lethedb/lethe/rules"
)

func (a *app) schemaCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "schema config|rules",
		Short: "Print the JSON Schema of a file, for editors",
		Long: `Prints the JSON Schema of lethe.yaml or of rules.yaml. Editors complete and
check with it, when the file begins with a line such as

  # yaml-language-server: $schema=rules.schema.json`,
		Example: `  lethe schema config > lethe.schema.json
  lethe schema rules > rules.schema.json`,
		ValidArgs: []string{"config", "rules"},
		Args:      exactly(1, "config or rules"),
		RunE: func(_ *cobra.Command, args []string) error {
			text, err := schemaOf(args[0])
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(a.Out, string(text))
			return err
		},
	}
	return command
}

func schemaOf(file string) ([]byte, error) {
	switch file {
	case "config":
		return config.Schema(), nil
	case "rules":
		registry, err := anonymize.NewRegistry(builtin.Masks())
		if err != nil {
			return nil, err
		}
		return rules.Schema(registry)
	}
	return nil, usageError("wrong-arguments", fmt.Errorf("no file is called %q", file), "say: lethe schema config, or: lethe schema rules")
}
