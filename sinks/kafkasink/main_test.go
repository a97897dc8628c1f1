package kafkasink

import (
	"testing"

	"go.uber.org/goleak"

	"botrelay/sinks/kafkasink/kafkatest"
)

// broker is the Kafka of this test binary; the first test that asks starts it.
var broker kafkatest.Shared

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(kafkatest.Runner{M: m, Shared: &broker})
}
