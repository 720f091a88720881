package cli

import (
	"fmt"
	"io"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/lethedb/lethe/anonymize/derive"
	"github.com/lethedb/lethe/internal/buildinfo"
)

type versionDocument struct {
	Version    string `json:"version"`
	Go         string `json:"go"`
	Platform   string `json:"platform"`
	Derivation string `json:"derivation"`
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version, and the derivation that masked values depend on",
		Long: `Prints the version, and the version of the derivation: two programs of the same
derivation mask alike under the same key.`,
		Example: "  lethe version\n  lethe version --json",
		Args:    exactly(0, "no arguments"), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(*cobra.Command, []string) error {
			doc := versionDocument{
				Version: buildinfo.Version(), Go: runtime.Version(),
				Platform: runtime.GOOS + "/" + runtime.GOARCH, Derivation: derive.Version,
			}
			return a.print(doc, func(w io.Writer) {
				fmt.Fprintf(w, "lethe %s (%s, %s, derivation %s)\n", doc.Version, doc.Go, doc.Platform, doc.Derivation)
			})
		},
	}
}
