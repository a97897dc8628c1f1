package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"botrelay/relay/admin"
	"botrelay/relay/config"
	"botrelay/relay/store/sqlitestore"
)

func backupCommand(env environment) *cobra.Command {
	o := operator{env: env}
	var salvage bool
	cmd := &cobra.Command{
		Use:   "backup FOLDER",
		Short: "Copy the embedded store into a new folder",
		Long: `Copies the store into FOLDER, which must not exist: the relay does it while it
runs, or this command where none runs. With --admin FOLDER is on the relay's
machine. The copy is one moment of the store, checked and on disk.

With --salvage the store is read event by event, with no relay running: what is
damaged is left out and counted, and the damaged store stays as it is.`,
		Example: "  botrelay backup /backup/botrelay-2026-03-04\n  botrelay backup --salvage /var/lib/botrelay/mended",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 || args[0] == "" {
				return usageError("backup takes one folder, which must not exist")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if salvage {
				if o.address != "" {
					return usageError("--salvage reads a store on this machine; --admin names a relay")
				}
				file, err := loadConfig(cmd, env, config.Options{})
				if err != nil {
					return err
				}
				return salvageStore(cmd.Context(), &o, file, args[0])
			}
			return o.with(cmd, func(ctx context.Context, client *adminClient) error { return askForCopy(ctx, client, &o, args[0]) })
		},
	}
	cmd.Flags().BoolVar(&salvage, "salvage", false, "read a damaged store event by event and leave out what cannot be read")
	o.addFlags(cmd)
	return cmd
}

// askForCopy has the store copied. The relay may work in another folder, or on
// another machine, so the whole path is told.
func askForCopy(ctx context.Context, client *adminClient, o *operator, folder string) error {
	whole := folder
	if !filepath.IsAbs(folder) {
		if o.address != "" {
			return usageError("with --admin name the whole path: %s is a folder on the relay's machine", printable(folder))
		}
		var err error
		if whole, err = filepath.Abs(folder); err != nil {
			return failed("%v", err)
		}
	}
	answer, err := client.backup(ctx, whole, whoAsks(o.env))
	if err != nil {
		return err
	}
	return show(o, answer, func(s screen) { s.backedUp(answer, folder) })
}

// backedUp says what was copied into folder.
func (s screen) backedUp(a admin.BackedUp, folder string) {
	s.printf("%s, %s, as of %s, are in %s.\nRestore: stop the relay, put that folder where store points, start it.\n",
		countedComma(a.Events, "event"), sizeText(a.Bytes), a.AsOf.In(s.zone).Format("15:04:05"), printable(folder))
}

// salvaged is the answer of --salvage in JSON.
type salvaged struct {
	admin.BackedUp
	Damaged  int       `json:"damaged"`  // events that were there and could not be read
	Unrouted int       `json:"unrouted"` // events in the copy without their deliveries
	From     time.Time `json:"from,omitzero"`
	To       time.Time `json:"to,omitzero"` // receipt around what is missing
	Notes    []string  `json:"notes"`
}

func salvageStore(ctx context.Context, o *operator, file *config.File, folder string) error {
	env := o.env
	found, err := sqlitestore.Salvage(ctx, file.Store, folder, sqlitestore.Options{
		Dir: file.Store, Version: version, Logger: newLogger(file.Log, env.stderr),
	})
	if err != nil {
		return failed("%v", err)
	}
	if o.json {
		return jsonLine(env.stdout, salvaged{
			BackedUp: admin.BackedUp{Folder: folder, Events: found.Events, Bytes: found.Bytes, AsOf: found.AsOf.UTC()},
			Damaged:  found.Damaged, Unrouted: found.Unrouted, From: found.From.UTC(), To: found.To.UTC(), Notes: append([]string{}, found.Notes...),
		})
	}
	fmt.Fprintf(env.stdout, "%s, are in %s.\n", describeCopy(found.Copy), folder)
	if found.Damaged > 0 {
		fmt.Fprintf(env.stdout, "%s could not be read", countedComma(found.Damaged, "event"))
		if !found.From.IsZero() {
			fmt.Fprintf(env.stdout, ", received between %s and %s", found.From.UTC().Format(time.RFC3339), found.To.UTC().Format(time.RFC3339))
		}
		fmt.Fprintln(env.stdout, ".")
	}
	if found.Unrouted > 0 {
		fmt.Fprintf(env.stdout, "%s without deliveries: those could not be read.\n", countedComma(found.Unrouted, "event"))
	}
	for _, note := range found.Notes {
		fmt.Fprintln(env.stdout, note)
	}
	fmt.Fprintf(env.stdout, "Put %s where store points, start the relay.\n", folder)
	return nil
}

func describeCopy(c sqlitestore.Copy) string {
	return fmt.Sprintf("%s, %s, as of %s", countedComma(c.Events, "event"), sizeText(c.Bytes), c.AsOf.UTC().Format("15:04:05"))
}

// countedComma is counted for numbers that may be large and for none.
func countedComma(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return withCommas(n) + " " + noun + "s"
}

// withCommas writes 78428 as 78,428.
func withCommas(n int) string {
	digits := strconv.Itoa(n)
	var parts []string
	for len(digits) > 3 {
		parts = append([]string{digits[len(digits)-3:]}, parts...)
		digits = digits[:len(digits)-3]
	}
	return strings.Join(append([]string{digits}, parts...), ",")
}

// sizeText is a number of bytes in whole units.
func sizeText(n int64) string {
	switch {
	case n >= 10<<30:
		return fmt.Sprintf("%d GiB", n>>30)
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	default:
		return fmt.Sprintf("%d KiB", (n+1023)>>10)
	}
}
