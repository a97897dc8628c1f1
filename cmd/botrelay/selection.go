package main

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"botrelay/relay/route"
)

// selection is what a list is narrowed to.
type selection struct {
	period
	where  []string
	source string
	limit  int
}

// usualLimit is how many rows a list has unless --limit says otherwise.
const usualLimit = 100

func (s *selection) addFlags(cmd *cobra.Command) {
	s.period.addFlags(cmd)
	addWhere(cmd, &s.where)
	cmd.Flags().StringVar(&s.source, "source", "", "only of this `source`")
	cmd.Flags().IntVar(&s.limit, "limit", usualLimit, "most rows; 0 is all")
}

func addWhere(cmd *cobra.Command, where *[]string) {
	cmd.Flags().StringArrayVar(where, "where", nil,
		"only where `FIELD=PATTERN` holds, e.g. bot.metadata.tenant=acme or sub_code='zoom_*'; may be given several times")
}

// query is the selection as the API takes it.
func (s *selection) query(o *operator) (list, error) {
	if s.limit < 0 {
		return list{}, usageError("--limit is %d; 0 is all", s.limit)
	}
	if err := checkWhere(s.where); err != nil {
		return list{}, err
	}
	since, until, err := s.times(o.zone())
	if err != nil {
		return list{}, err
	}
	query := url.Values{}
	for name, value := range map[string]string{"since": since, "until": until, "source": s.source} {
		if value != "" {
			query.Set(name, value)
		}
	}
	for _, condition := range s.where {
		query.Add("where", condition)
	}
	return list{query: query, limit: s.limit}, nil
}

// checkWhere finds slips before anybody is asked.
func checkWhere(where []string) error {
	for _, condition := range where {
		field, _, ok := strings.Cut(condition, "=")
		if !ok {
			return usageError("--where %.80q is not FIELD=PATTERN (write bot.metadata.tenant=acme)", condition)
		}
		if err := route.ParseField(field); err != nil {
			return usageError("--where: %v", err).withHint("fields: %s bot.metadata.NAME data.PATH", strings.Join(route.FixedFields(), " "))
		}
	}
	return nil
}

// cutOff says on standard error that a list may go on.
func cutOff(env environment, limit int) {
	fmt.Fprintf(env.stderr, "botrelay: the list ends at --limit %d; there may be more (0 is all)\n", limit)
}
