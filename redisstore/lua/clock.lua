-- The server's clock. KEYS: one that chooses the server.
return redis.call('TIME')
