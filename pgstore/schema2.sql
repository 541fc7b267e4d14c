-- Version 2.

-- Endings of everybody that are under way, or that their node has left.
create table {schema}.endings (
	epoch  bigint      primary key,
	due    timestamptz not null, -- when another node may go on
	after  bytea       not null, -- all up to this ID are ended
	at     bigint      not null,
	stays  bytea       not null,
	end_at bigint      not null,
	reason bytea       not null,
	actor  bytea       not null
);

create index principals_disabled on {schema}.principals (principal) where disabled;
