package slacktest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

const (
	token   = "xoxb-test"
	channel = "C0123456789"
)

func start(t *testing.T, o Options) *Server {
	t.Helper()
	o.Token, o.Channels = token, []string{channel, "C0999999999"}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}

func post(t *testing.T, address, contentType, body string, header http.Header) (int, string, http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	req.Header.Set("Content-Type", contentType)
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(answer), resp.Header
}

func form(changes ...string) string {
	values := url.Values{
		"token": {token}, "channel": {channel}, "text": {"hello"}, "unfurl_links": {"false"}, "unfurl_media": {"false"},
		"blocks":   {`[{"type":"section","text":{"type":"mrkdwn","text":"hello"}}]`},
		"metadata": {`{"event_type":"botrelay_alert","event_payload":{"id":"msg_1"}}`},
	}
	for i := 0; i < len(changes); i += 2 {
		values.Set(changes[i], changes[i+1])
		if changes[i+1] == "" {
			values.Del(changes[i])
		}
	}
	return values.Encode()
}

const urlencoded = "application/x-www-form-urlencoded"

func TestAcceptedMessage(t *testing.T) {
	s := start(t, Options{})
	before := time.Now()
	var stamps []string
	for range 3 {
		status, body, _ := post(t, s.APIURL()+"chat.postMessage", urlencoded, form(), nil)
		var answer struct {
			OK          bool
			TS, Channel string
			Message     struct{ Text string }
		}
		if err := json.Unmarshal([]byte(body), &answer); err != nil || status != 200 || !answer.OK || answer.Channel != channel || answer.Message.Text != "hello" {
			t.Fatalf("%d %s %v", status, body, err)
		}
		stamps = append(stamps, answer.TS)
	}
	if stamps[0] >= stamps[1] || stamps[1] >= stamps[2] {
		t.Errorf("stamps do not rise: %v", stamps)
	}
	m := s.Messages()
	if len(m) != 3 || m[0].TS != stamps[0] || m[0].Text != "hello" || m[0].EventID != "msg_1" || m[0].Channel != channel ||
		len(m[0].Blocks) != 1 || m[0].At.Before(before) {
		t.Errorf("%+v", m)
	}
	if faults := s.Faults(); len(faults) > 0 {
		t.Error(faults)
	}
}

func blocksOf(n int, block string) string {
	return "[" + strings.TrimSuffix(strings.Repeat(block+",", n), ",") + "]"
}

func sectionOf(text string) string {
	return fmt.Sprintf(`[{"type":"section","text":{"type":"mrkdwn","text":%q}}]`, text)
}

const element = `{"type":"mrkdwn","text":"x"}`

// violation is a change to a good message. want is Slack's error; empty where
// it accepts the message all the same.
type violation struct {
	changes []string
	want    string
	fault   string
}

var violations = map[string]violation{
	"no token":             {[]string{"token", ""}, "not_authed", "without a token"},
	"wrong token":          {[]string{"token", "xoxb-other"}, "invalid_auth", "wrong token"},
	"unknown channel":      {[]string{"channel", "C0000000000"}, "channel_not_found", "not known"},
	"nothing to say":       {[]string{"text", "", "blocks", ""}, "no_text", "neither text nor blocks"},
	"blocks alone":         {[]string{"text", ""}, "", "blocks without text"},
	"long text":            {[]string{"text", strings.Repeat("é", 40_001)}, "msg_too_long", "40000"},
	"previews of links":    {[]string{"unfurl_links", ""}, "", "unfurl_links"},
	"previews of media":    {[]string{"unfurl_media", "true"}, "", "unfurl_media"},
	"unknown argument":     {[]string{"icon_emoji", ":x:"}, "", "icon_emoji"},
	"metadata no JSON":     {[]string{"metadata", "x"}, "", "metadata"},
	"metadata no payload":  {[]string{"metadata", `{"event_type":"x"}`}, "", "metadata"},
	"metadata no text":     {[]string{"metadata", `{"event_type":"x","event_payload":{"id":1}}`}, "", "id is not a text"},
	"blocks no JSON":       {[]string{"blocks", "["}, "invalid_blocks_format", "blocks"},
	"blocks no list":       {[]string{"blocks", `{"type":"section"}`}, "invalid_blocks_format", "blocks"},
	"unknown block":        {[]string{"blocks", `[{"type":"sectoin"}]`}, "invalid_blocks", "sectoin"},
	"51 blocks":            {[]string{"blocks", blocksOf(51, `{"type":"divider"}`)}, "invalid_blocks", "51 blocks"},
	"section of nothing":   {[]string{"blocks", `[{"type":"section"}]`}, "invalid_blocks", "needs text or fields"},
	"section too long":     {[]string{"blocks", sectionOf(strings.Repeat("é", 3001))}, "invalid_blocks", "3000"},
	"section empty":        {[]string{"blocks", sectionOf("")}, "invalid_blocks", "minimum length"},
	"text of unknown type": {[]string{"blocks", `[{"type":"section","text":{"type":"markdown","text":"x"}}]`}, "invalid_blocks", "type must be"},
	"emoji in mrkdwn":      {[]string{"blocks", `[{"type":"section","text":{"type":"mrkdwn","text":"x","emoji":true}}]`}, "invalid_blocks", "emoji"},
	"11 fields":            {[]string{"blocks", `[{"type":"section","fields":` + blocksOf(11, element) + `}]`}, "invalid_blocks", "11 fields"},
	"field null":           {[]string{"blocks", `[{"type":"section","fields":[null]}]`}, "invalid_blocks", "null is no text"},
	"context of nothing":   {[]string{"blocks", `[{"type":"context","elements":[]}]`}, "invalid_blocks", "0 elements"},
	"11 elements":          {[]string{"blocks", `[{"type":"context","elements":` + blocksOf(11, element) + `}]`}, "invalid_blocks", "11 elements"},
	"element of a button":  {[]string{"blocks", `[{"type":"context","elements":[{"type":"button"}]}]`}, "invalid_blocks_format", "button"},
	"header in mrkdwn":     {[]string{"blocks", `[{"type":"header","text":{"type":"mrkdwn","text":"x"}}]`}, "invalid_blocks", "plain_text"},
	"header too long":      {[]string{"blocks", `[{"type":"header","text":{"type":"plain_text","text":"` + strings.Repeat("x", 151) + `"}}]`}, "invalid_blocks", "150"},
	"unknown field":        {[]string{"blocks", `[{"type":"section","text":{"type":"mrkdwn","text":"x","bold":true}}]`}, "invalid_blocks", "blocks[0].text.bold is not a field"},
	"block id twice":       {[]string{"blocks", `[{"type":"divider","block_id":"a"},{"type":"divider","block_id":"a"}]`}, "invalid_blocks", "block_id"},
	"too much in all":      {[]string{"blocks", blocksOf(5, strings.Trim(sectionOf(strings.Repeat("x", 2700)), "[]"))}, "msg_blocks_too_long", "13500"},
	"raw angle brackets":   {[]string{"blocks", sectionOf("<script>")}, "", "no markup"},
	"bracket not closed":   {[]string{"text", "a < b"}, "", "no markup"},
	"raw ampersand":        {[]string{"text", "a & b"}, "", "not escaped"},
	"lone bracket":         {[]string{"text", "a > b"}, "", "not escaped"},
	"broken date":          {[]string{"blocks", sectionOf("<!date^x^{time}|y>")}, "", "no markup"},
	"link to a script":     {[]string{"blocks", sectionOf("<javascript:alert(1)|x>")}, "", "no markup"},
}

func TestViolations(t *testing.T) {
	for name, c := range violations {
		t.Run(name, func(t *testing.T) {
			s := start(t, Options{})
			_, body, _ := post(t, s.APIURL()+"chat.postMessage", urlencoded, form(c.changes...), nil)
			want := `"ok":true`
			if c.want != "" {
				want = fmt.Sprintf(`{"error":%q,"ok":false}`, c.want)
			}
			if !strings.Contains(body, want) {
				t.Errorf("got %s, want %s", body, want)
			}
			if faults := strings.Join(s.Faults(), "\n"); !strings.Contains(faults, c.fault) || strings.Count(faults, "\n") > 0 {
				t.Errorf("faults: %s", faults)
			}
			if taken := len(s.Messages()) == 1; taken != (c.want == "") {
				t.Errorf("taken: %t", taken)
			}
		})
	}
}

// All that Slack documents as markup is none of a fault.
func TestMarkup(t *testing.T) {
	s := start(t, Options{})
	for _, text := range []string{
		"<!here> <!channel> <!subteam^S0123ABCD> <@U0123DANA> <@W0123DANA> <#C0123456789>",
		"<!date^1772636419^{date_short_pretty} {time_secs}|2026-03-04 15:00:19 UTC>",
		"<!date^1772633520^{time}|14:12 UTC>",
		"<https://docs.recall.ai/docs/set-up-zoom|Zoom set-up> <https://botrelay.internal/mute?a=b&amp;for=2h|Mute>",
		"a &amp; b &lt; c &gt; d",
	} {
		post(t, s.APIURL()+"chat.postMessage", urlencoded, form("blocks", sectionOf(text)), nil)
	}
	if faults := s.Faults(); len(faults) > 0 {
		t.Error(faults)
	}
}

func TestTokenInTheHeader(t *testing.T) {
	s := start(t, Options{})
	for _, c := range []struct{ token, want string }{{token, `"ok":true`}, {"xoxb-other", "invalid_auth"}} {
		header := http.Header{"Authorization": {"Bearer " + c.token}}
		for _, method := range []string{"chat.postMessage", "auth.test"} {
			if _, body, _ := post(t, s.APIURL()+method, urlencoded, form("token", ""), header); !strings.Contains(body, c.want) {
				t.Errorf("%s: %s", method, body)
			}
		}
	}
	if _, body, _ := post(t, s.APIURL()+"chat.nothing", urlencoded, form(), nil); !strings.Contains(body, "unknown_method") {
		t.Error(body)
	}
	if _, body, _ := post(t, s.APIURL()+"chat.postMessage", "application/json", "{}", nil); !strings.Contains(body, "invalid_form_data") {
		t.Error(body)
	}
}

func TestOneMessageASecond(t *testing.T) {
	s := start(t, Options{})
	send := func(channel string) int {
		status, _, header := post(t, s.APIURL()+"chat.postMessage", urlencoded, form("channel", channel), nil)
		if status == http.StatusTooManyRequests && header.Get("Retry-After") != "1" {
			t.Errorf("Retry-After is %q", header.Get("Retry-After"))
		}
		return status
	}
	refused := 0
	for range burst + 3 {
		if send(channel) == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused == 0 || len(s.Faults()) != refused {
		t.Errorf("%d of %d refused, faults %v", refused, burst+3, s.Faults())
	}
	if send("C0999999999") != 200 {
		t.Error("another channel is refused, too")
	}
	free := start(t, Options{Unlimited: true})
	for range burst + 3 {
		post(t, free.APIURL()+"chat.postMessage", urlencoded, form(), nil)
	}
	if len(free.Messages()) != burst+3 {
		t.Errorf("unlimited takes %d", len(free.Messages()))
	}
}

func TestRefusedChannelIsNoFault(t *testing.T) {
	s := start(t, Options{})
	send := func() string {
		_, body, _ := post(t, s.APIURL()+"chat.postMessage", urlencoded, form(), nil)
		return body
	}
	s.RefuseChannel(channel, "is_archived")
	if body := send(); !strings.Contains(body, "is_archived") {
		t.Error(body)
	}
	s.RefuseChannel(channel, "")
	if body := send(); !strings.Contains(body, `"ok":true`) || len(s.Faults()) > 0 {
		t.Error(body, s.Faults())
	}
}

func TestInterfere(t *testing.T) {
	s := start(t, Options{})
	send := func() (int, string) {
		status, body, _ := post(t, s.APIURL()+"chat.postMessage", urlencoded, form(), nil)
		return status, body
	}
	s.Interfere(func(m Message) *Reply {
		if m.EventID != "msg_1" {
			t.Errorf("saw %+v", m)
		}
		return &Reply{Status: 500, Body: "x", Accept: true}
	})
	if status, body := send(); status != 500 || body != "x" || len(s.Messages()) != 1 {
		t.Error(status, body, len(s.Messages()))
	}
	s.Interfere(func(Message) *Reply { return APIError("internal_error") })
	if _, body := send(); body != `{"error":"internal_error","ok":false}` || len(s.Messages()) != 1 {
		t.Error(body)
	}
	s.Interfere(nil)
	if status, _ := send(); status != 200 || len(s.Messages()) != 2 {
		t.Error(status)
	}
}

// Close ends requests that hang.
func TestCloseEndsWhatHangs(t *testing.T) {
	s, err := New(Options{Token: token, Channels: []string{channel}})
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan struct{})
	s.Interfere(func(Message) *Reply { close(asked); return &Reply{Hang: true} })
	ended := make(chan error, 1)
	go func() {
		resp, err := client.Post(s.APIURL()+"chat.postMessage", urlencoded, strings.NewReader(form()))
		if err == nil {
			resp.Body.Close()
		}
		ended <- err
	}()
	<-asked
	s.Close()
	if err := <-ended; err == nil {
		t.Error("a request that hangs was answered")
	}
}

func TestIncomingWebhook(t *testing.T) {
	const good = `"text":"hello","unfurl_links":false,"unfurl_media":false`
	for name, c := range map[string]struct {
		path, body string
		status     int
		answer     string
		fault      string
	}{
		"taken":          {"", `{` + good + `}`, 200, "ok", ""},
		"with blocks":    {"", `{` + good + `,"blocks":` + sectionOf("x") + `,"replace_original":false,"delete_original":false}`, 200, "ok", ""},
		"other address":  {"/services/T0/B0/other", `{` + good + `}`, 404, "no_service", "not an incoming webhook"},
		"no JSON":        {"", `text=hello`, 400, "invalid_payload", "incoming webhook"},
		"its channel":    {"", `{` + good + `,"channel":"C0123456789"}`, 400, "invalid_payload", "channel"},
		"nothing to say": {"", `{"unfurl_links":false,"unfurl_media":false}`, 400, "no_text", "neither text nor blocks"},
		"broken blocks":  {"", `{` + good + `,"blocks":[{"type":"x"}]}`, 400, "invalid_blocks", "not a type of block"},
		"previews":       {"", `{"text":"hello"}`, 200, "ok", "previews"},
		"a replacement":  {"", `{` + good + `,"replace_original":true}`, 200, "ok", "cannot change"},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, Options{})
			address := s.WebhookURL()
			if c.path != "" {
				address = strings.TrimSuffix(s.APIURL(), "/api/") + c.path
			}
			status, answer, header := post(t, address, "application/json", c.body, nil)
			if status != c.status || answer != c.answer || header.Get("Content-Type") != "text/plain" {
				t.Errorf("%d %q %s", status, answer, header.Get("Content-Type"))
			}
			faults := strings.Join(s.Faults(), "\n")
			if (faults == "") != (c.fault == "") || !strings.Contains(faults, c.fault) {
				t.Errorf("faults: %s", faults)
			}
			if m := s.Messages(); (len(m) == 1) != (c.status == 200) || len(m) == 1 && m[0].Channel != WebhookChannel {
				t.Errorf("%+v", m)
			}
		})
	}
}
