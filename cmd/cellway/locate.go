package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/cellway/cellway/internal/routekey"
)

func newLocate() *cobra.Command {
	var admin adminFlags
	var output string
	cmd := &cobra.Command{
		Use: "locate CUSTOMER_ID", Short: "Say which cell holds a customer", GroupID: "operate", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			id, err := routekey.Parse(args[0])
			if err != nil {
				return err
			}
			c, err := admin.client(cmd.Context(), nil, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			var l locateReply
			if err := c.call(cmd.Context(), http.MethodGet, "/admin/locate/"+url.PathEscape(id), &l); err != nil {
				return err
			}
			return printAs(cmd.OutOrStdout(), output, l, func(w io.Writer) { writeLocation(w, l) })
		},
	}
	admin.register(cmd.Flags())
	outputFlag(cmd, &output)
	return cmd
}

func writeLocation(w io.Writer, l locateReply) {
	fmt.Fprintln(w, "CUSTOMER\tPARTITION\tCELL\tEPOCH\tPINNED\tRING PROPOSES\tMOVING TO")
	moving := "-"
	if l.MovingTo != nil {
		moving = *l.MovingTo
	}
	fmt.Fprintf(w, "%s\t%d\t%s\t%d\t%v\t%s\t%s\n", l.CustomerID, l.Partition, l.CellID, l.Epoch, l.Pinned, l.RingCellID, moving)
}
