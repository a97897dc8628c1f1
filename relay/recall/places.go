package recall

import "strings"

// place is one field that is read from a body.
type place uint8

const (
	inside place = iota // an object on the way to fields, or nothing
	placeEvent
	placeCode
	placeSubCode
	placeUpdatedAt
	placeBotID
	placeMetadata
	placeLegacyBotID
	placeLegacyCode
	placeLegacySubCode
	placeLegacyCreatedAt
	placeRecordingID
	placeSDKUploadID
	placeSlackTeamID
	placeCalendarID
	places // how many there are
)

// member is a key that is read where it stands: a field, or an object that
// holds fields.
type member struct {
	path    string // from the top, for people
	name    string // its last part
	place   place
	members []member
}

func field(path string, p place) member {
	return member{path: path, name: path[strings.LastIndexByte(path, '.')+1:], place: p}
}

func object(path string, members ...member) member {
	m := field(path, inside)
	m.members = members
	return m
}

// body is the closed list of what is read. A key of it that stands there twice,
// or differs from it in upper and lower case only, makes a body ambiguous:
// another parser may read another value. Whatever is not in this list is passed
// over.
var body = object("",
	field("event", placeEvent),
	object("data",
		object("data.data",
			field("data.data.code", placeCode),
			field("data.data.sub_code", placeSubCode),
			field("data.data.updated_at", placeUpdatedAt)),
		object("data.bot",
			field("data.bot.id", placeBotID),
			field("data.bot.metadata", placeMetadata)),
		field("data.bot_id", placeLegacyBotID),
		object("data.status",
			field("data.status.code", placeLegacyCode),
			field("data.status.sub_code", placeLegacySubCode),
			field("data.status.created_at", placeLegacyCreatedAt)),
		object("data.recording", field("data.recording.id", placeRecordingID)),
		object("data.sdk_upload", field("data.sdk_upload.id", placeSDKUploadID)),
		object("data.slack_team", field("data.slack_team.id", placeSlackTeamID)),
		field("data.calendar_id", placeCalendarID)))
