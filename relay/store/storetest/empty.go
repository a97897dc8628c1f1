package storetest

var logTests, orderTests, queueTests, settleTests, requeueTests, operatorTests, memoryTests, readerTests, retentionTests []test

func together(*env) {}
