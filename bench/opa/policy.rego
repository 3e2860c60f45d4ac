# The task of the decision bench in Rego: what bench/decide_world.py says of agreements and requests.
#
# `data.pacts` has the agreements by pair, so that no other pair is looked at. `input` is one request.
package relto

import rego.v1

pacts := object.get(data.pacts, input.pair, [])

third if not input.originator in {input.holder, input.recipient}

covers(roots, ups) if {
	some up in ups
	up in roots
}

topics_ok(p) if {
	covers(p.roots, input.first)
	covers(p.roots, input.last)
}

third_ok(p) if not third

third_ok(p) if {
	p.procedure
	input.kept
}

purpose_ok(p) if count(p.purposes) == 0

purpose_ok(p) if {
	some up in input.purposes
	up in p.purposes
}

asked_ok(p) if not p.on_request

asked_ok(p) if input.requested

stands(p) if {
	p.starts <= input.day
	input.day < p.ends
	topics_ok(p)
	input.form in p.forms
	input.level <= p.cap
	third_ok(p)
	purpose_ok(p)
	asked_ok(p)
}

sure(p) if not p.assured

sure(p) if input.assured

permits(p) if {
	not third
	not p.case_by_case
	sure(p)
}

default outcome := "deny"

outcome := "permit" if {
	some p in pacts
	stands(p)
	permits(p)
}

else := "refer" if {
	some p in pacts
	stands(p)
}
