"""The demo's API: the weather at LaGuardia by REST and the airlines by GraphQL, and failures on demand."""
