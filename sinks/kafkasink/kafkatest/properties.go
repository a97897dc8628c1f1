package kafkatest

import (
	"fmt"
	"os"
	"strings"
)

const propertiesFile = "server.properties"

// properties are strict (no topic makes itself, no right that an ACL takes away
// stays) and small. Some lines need a reason:
//
//   - With port 0 the addresses must not be advertised: the broker registers
//     those that it got. controller.quorum.bootstrap.servers is never used, and
//     demanded.
//   - The controller's listener has no authentication either, so the anonymous
//     user must be a super user, or the broker locks itself out.
//   - After kill -9 a start waits for the old session to end.
//   - The default buffer of the log cleaner alone takes 128 MB.
const properties = `process.roles=broker,controller
node.id=1
controller.listener.names=CONTROLLER
controller.quorum.bootstrap.servers=127.0.0.1:1
inter.broker.listener.name=PLAIN
listeners=PLAIN://%s,TLS://%s,MTLS://%s,CONTROLLER://127.0.0.1:0
listener.security.protocol.map=PLAIN:PLAINTEXT,CONTROLLER:PLAINTEXT,TLS:SSL,MTLS:SSL
log.dirs=data
ssl.keystore.type=PEM
ssl.keystore.location=server.pem
ssl.truststore.type=PEM
ssl.truststore.location=ca.pem
listener.name.mtls.ssl.client.auth=required
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
allow.everyone.if.no.acl.found=true
auto.create.topics.enable=false
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
connection.failed.authentication.delay.ms=0
num.network.threads=2
num.io.threads=2
log.cleaner.dedupe.buffer.size=2097152
`

// writeProperties writes the settings of b, with its ports as far as they are
// known. A port that another process has taken meanwhile fails the next start.
func (b *Broker) writeProperties() error {
	at := func(address string) string {
		if address == "" {
			return "127.0.0.1:0"
		}
		return address
	}
	text := fmt.Sprintf(properties, at(b.Plain), at(b.TLS), at(b.MTLS))
	return os.WriteFile(b.path(propertiesFile), []byte(strings.TrimLeft(text, "\n")), 0o644)
}
