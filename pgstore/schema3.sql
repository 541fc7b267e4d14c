-- Version 3.

-- How often something was done, for package ratelimit: until when the uses of a key
-- reach, in microseconds. What a crash of the server forgets may be done once more.
create unlogged table {schema}.limits (
	key  text   primary key,
	used bigint not null
);

create index limits_used on {schema}.limits (used);
