// Package source reads edge functions from a folder laid out as Supabase's CLI has it, and
// makes of each the files that are deployed: as they are where all that they import is among
// them, else bundled by Deno, so that a server needs no network to start one.
//
//	supabase/config.toml             [functions.NAME]: verify_jwt, entrypoint and some more
//	supabase/functions/NAME/index.ts the function; deno.json beside it may map imports
//	supabase/functions/_shared/...   what several of them import
package source
