// Botrelay receives the signed webhooks of Recall.ai's meeting bots, stores
// each before it answers, and sends them on by the rules of one YAML file to
// Slack, Kafka and HTTP.
//
// This package is the only place with flags, environment, signals and exit
// codes; it wires the parts together, one file a command. Data goes to
// standard output, messages to standard error as "botrelay: …". Exit codes: 0
// good, 1 something failed or is wrong, 2 usage or configuration.
package main
