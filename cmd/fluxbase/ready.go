package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/fluxbase/fluxbase/proxy"
)

func newReadyCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "ready",
		Short: "Exit 0 when the server on this machine answers /readyz; a health check without curl",
		Example: `  fluxbase ready && echo up
  HEALTHCHECK CMD ["/fluxbase", "ready"]`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var cfg proxy.Config
			if errs := append(parseEnv(&cfg), newLoader(flags{}, nil).fill(&cfg)...); errs != nil {
				return usageError{errs[0]}
			}
			at := (&settings{Server: cfg}).public()
			// An address that stands for all of the machine reaches this machine.
			dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, at.network, at.address)
			}
			client := http.Client{Timeout: 3 * time.Second, Transport: &http.Transport{
				DialContext: dial,
				// Whether it is ready is asked, of this very machine, and not who it is.
				TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
			}}
			req, err := http.NewRequestWithContext(cmd.Context(), http.MethodGet, cfg.Scheme()+"://localhost/readyz", nil)
			if err != nil {
				return err
			}
			resp, err := client.Do(req)
			if err != nil {
				return fmt.Errorf("not ready: %w", err)
			}
			defer resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				return fmt.Errorf("not ready: %s says %s", at.address, resp.Status)
			}
			return nil
		},
	}
}
