package main

import (
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
			host, port, err := net.SplitHostPort(cfg.Address())
			if err != nil {
				return err
			}
			if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
				host = "127.0.0.1"
			}
			url := "http://" + net.JoinHostPort(host, port) + "/readyz"
			client := http.Client{Timeout: 3 * time.Second}
			req, err := http.NewRequestWithContext(cmd.Context(), http.MethodGet, url, nil)
			if err != nil {
				return err
			}
			resp, err := client.Do(req)
			if err != nil {
				return fmt.Errorf("not ready: %w", err)
			}
			defer resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				return fmt.Errorf("not ready: %s says %s", url, resp.Status)
			}
			return nil
		},
	}
}
