-- Version 1. {schema} is replaced by the name of the schema.
--
-- Instants and durations are whole microseconds, as the library counts them: no
-- time zone, no rounding, and "never" is -1. Texts that a client or an application
-- chose are bytea, because a text takes neither every byte nor NUL.

create table {schema}.version (version int not null);
insert into {schema}.version values (0);

-- The instant from which a session is over, by decision or by time; null: never.
create function {schema}.over_at(ended bigint, seen bigint, idle bigint, begun bigint, lifetime bigint, not_after bigint)
returns bigint language sql immutable parallel safe as $$
	select coalesce(ended, least(
		case when idle >= 0 then seen + idle end,
		case when lifetime >= 0 then begun + lifetime end,
		not_after))
$$;

create table {schema}.sessions (
	id         bytea    primary key check (octet_length(id) = 16),
	secret     bytea    not null, -- hash of the secret that is valid now
	seed       bytea    not null, -- empty in a tombstone
	generation bigint   not null,
	version    bigint   not null,
	principal  bytea    not null, -- empty: anonymous
	method     bytea    not null,
	created    bigint   not null,
	begun      bigint   not null,
	seen       bigint   not null,
	idle       bigint   not null, -- -1: never
	lifetime   bigint   not null, -- -1: never
	not_after  bigint,
	auth_at    bigint,
	persistent boolean  not null,
	transport  smallint not null,
	first_agent bytea   not null,
	first_addr  bytea   not null,
	last_agent  bytea   not null,
	last_addr   bytea   not null,
	-- The values: three arrays of the same length, sorted by key. They stand in the
	-- session's own row, so that one UPDATE that waited for another goes on from what
	-- that one wrote; rows of a second table would still be seen as they were before.
	keys bytea[]  not null,
	data bytea[]  not null,
	revs bigint[] not null,
	-- Retired secrets in the store's own format. What a tombstone must not keep of
	-- them, seeds and successors, is apart.
	retired         bytea not null,
	retired_secrets bytea not null,
	ended_at   bigint,            -- null: nobody has ended it
	end_reason bytea not null,
	end_actor  bytea not null,
	over_at bigint generated always as ({schema}.over_at(ended_at, seen, idle, begun, lifetime, not_after)) stored,
	-- Not later than over_at, and what the sweep goes by. A touch leaves it as it is
	-- and so changes no indexed column, which makes it several times cheaper.
	sweep_at bigint
) with (fillfactor = 80);
create index sessions_principal on {schema}.sessions (principal, id);
create index sessions_sweep on {schema}.sessions (sweep_at) where sweep_at is not null;

-- Epochs come from here alone, so that none ever comes back.
create sequence {schema}.epochs;

-- Principals that were ended all at once, for a day, or that are disabled.
create table {schema}.principals (
	principal bytea       primary key,
	epoch     bigint      not null,
	raised    timestamptz not null,
	disabled  boolean     not null
);
create index principals_raised on {schema}.principals (raised) where not disabled;

-- One row: the epoch of the last end of everybody.
create table {schema}.everybody (epoch bigint not null);
insert into {schema}.everybody values (0);
