package pg

import (
	"encoding/json"
	"time"
)

// publicationFields keeps Publication's own MarshalJSON out of the way of its fields.
type publicationFields Publication

// publicationDocument is a Publication as JSON: its times are milliseconds, as everywhere else.
type publicationDocument struct {
	publicationFields
	OutageMS     int64 `json:"outage_ms"`
	UnretainedMS int64 `json:"unretained_ms,omitempty"`
}

// MarshalJSON writes the times as whole milliseconds, in outage_ms and unretained_ms.
func (p Publication) MarshalJSON() ([]byte, error) {
	return json.Marshal(publicationDocument{
		publicationFields: publicationFields(p), OutageMS: p.Outage.Milliseconds(), UnretainedMS: p.Unretained.Milliseconds(),
	})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (p *Publication) UnmarshalJSON(data []byte) error {
	var d publicationDocument
	if err := json.Unmarshal(data, &d); err != nil {
		return err
	}
	*p = Publication(d.publicationFields)
	p.Outage, p.Unretained = time.Duration(d.OutageMS)*time.Millisecond, time.Duration(d.UnretainedMS)*time.Millisecond
	return nil
}
