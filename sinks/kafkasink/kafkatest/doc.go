// Package kafkatest runs a real Apache Kafka for the tests of kafkasink: one
// JVM, broker and controller in one, on loopback, every port chosen by the
// system.
//
//	Shared.Get(t) ─ Java, class path ─ certificates, server.properties ─ format ─ start ─ "Kafka Server started" ─► Broker
//
// It needs Java 17 and the jars of Kafka. Those come from Maven at the first
// use and stay in the user's cache directory, in a folder named after the hash
// of pom.xml, so that later runs need neither Maven nor the network. Package
// prepare does that ahead of time. On Debian: openjdk-17-jre-headless, maven.
//
// BOTRELAY_TEST_KAFKA says what happens when something is missing:
//
//   - require: the test fails
//   - off: the test is skipped
//   - unset: it is skipped when Java or the jars are missing; whatever else
//     goes wrong fails it
//
// BOTRELAY_TEST_KAFKA_CLASSPATH, a class path or @FILE that holds one, takes
// the place of the cache. The package starts processes on Linux alone, where
// the broker dies with its test; elsewhere its tests are skipped.
package kafkatest
