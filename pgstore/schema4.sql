-- Version 4.

-- The audit log. What there is none of is null. "at + 0" keeps the index of all rows
-- out of the plans of questions about some: it would be gone through until they are
-- found.
create table {schema}.audit (
	writer    text   not null collate "C",
	seq       bigint not null,
	at        bigint not null,
	kind      text   not null collate "C",
	session   text   collate "C",
	principal bytea,
	address   bytea,
	body      bytea  not null,
	mac       bytea  not null,
	primary key (writer, seq)
);

create index audit_by_time on {schema}.audit ((at + 0), writer, seq);
create index audit_by_kind on {schema}.audit (kind, at, writer, seq);
create index audit_by_session on {schema}.audit (session, at, writer, seq) where session is not null;
create index audit_by_principal on {schema}.audit (principal, at, writer, seq) where principal is not null;
create index audit_by_address on {schema}.audit (address, at, writer, seq) where address is not null;

create table {schema}.audit_keys (
	owner bytea  primary key,
	at    bigint not null,
	key   bytea  not null
);

create index audit_keys_by_time on {schema}.audit_keys (at);
