// Generated from the OpenAPI document by `npm run generate`. A test checks that it is up to date.
export interface paths {
    "/v1/nodes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The organisation’s nodes, ordered by name */
        get: operations["listNodes"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/nodes/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One node */
        get: operations["getNode"];
        put?: never;
        post?: never;
        /**
         * Delete a node and everything that the hive mirrored from it
         * @description Its API keys are revoked and its socket is closed. Data on the node itself is not touched.
         */
        delete: operations["deleteNode"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/nodes/{id}/mirrored": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How much the hive has from a node: what deleting the node would remove */
        get: operations["countMirrored"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/nodes/ws": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The WebSocket for nodes; docs/protocol.md describes its protocol */
        get: operations["connectNode"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/nodes/api-keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The organisation’s API keys, newest first, including revoked ones */
        get: operations["listApiKeys"];
        put?: never;
        /**
         * Create an API key for a node
         * @description The secret is only in this response. The key is bound to the first machine that uses it.
         */
        post: operations["createApiKey"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/nodes/api-keys/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Revoke an API key
         * @description The socket of the node that uses the key is closed, whichever hive has it: within one second per 2,000 nodes on that hive.
         */
        delete: operations["revokeApiKey"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/nodes/api-keys/{id}/unblock": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Unblock an API key that was blocked because other machines tried to use it */
        post: operations["unblockApiKey"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/nodes/invites": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The organisation’s invitations, newest first, used and expired ones included for 30 days */
        get: operations["listNodeInvites"];
        put?: never;
        /**
         * Invite a machine
         * @description Makes a token that a machine trades for a key of its own, once. It is only in this response.
         */
        post: operations["createNodeInvite"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/nodes/invites/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Withdraw an invitation
         * @description A key that was made by it stays.
         */
        delete: operations["deleteNodeInvite"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/nodes/enroll": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Trade an invitation for a node’s key
         * @description Each invitation is good for one machine. Needs no other credential.
         */
        post: operations["enrollNode"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tokens": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The organisation’s API tokens, newest first, including revoked ones */
        get: operations["listTokens"];
        put?: never;
        /**
         * Create an API token
         * @description For the caller’s organisation. The secret is only in this response.
         */
        post: operations["createToken"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tokens/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Revoke an API token
         * @description It stops working at once, also if it is the one that the request carries.
         */
        delete: operations["revokeToken"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/organization": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The caller’s organisation */
        get: operations["getOrganization"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/organizations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * All organisations of the hive, by name
         * @description Only for admins of the organisation `default`, who operate the hive.
         */
        get: operations["listOrganizations"];
        put?: never;
        /**
         * Create an organisation, and its first admin’s token
         * @description Only for admins of the organisation `default`, who operate the hive. The token’s secret is only in this response; everything else in the organisation is up to who holds it.
         */
        post: operations["createOrganization"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/swarm/projects": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The organisation’s projects, newest first, and the nodes that are linked to each */
        get: operations["listSwarmProjects"];
        put?: never;
        /** Create a project */
        post: operations["createSwarmProject"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/swarm/projects/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One project */
        get: operations["getSwarmProject"];
        put?: never;
        post?: never;
        /**
         * Unlink a project from all its nodes, and delete it
         * @description What was mirrored of it stays.
         */
        delete: operations["deleteSwarmProject"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/nodes/{id}/projects": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The projects that a version 1 node has reported, by name, and whether each is linked */
        get: operations["listNodeProjects"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/swarm/projects/{id}/nodes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The nodes that are linked to a project, in the order in which they were linked */
        get: operations["listProjectLinks"];
        put?: never;
        /**
         * Link a version 1 node’s project, so that the node begins to send its tasks and attempts
         * @description If the node is connected, whichever hive has its socket, it is made to log in again, because only a login tells it about links. It is back after 5 s, and the first attempts come within a minute.
         */
        post: operations["linkNodeProject"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/swarm/projects/{id}/nodes/{node_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Unlink a node’s project
         * @description The hive takes no new task of it. The node itself goes on to send attempts of tasks that it has shared already, until its owner unlinks the project there. What was mirrored stays.
         */
        delete: operations["unlinkNodeProject"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/swarm/attempts/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * An attempt with its executions, and how complete the hive’s copy is
         * @description If the attempt has a gap and its node is connected, reading it starts a backfill. The response comes at once, or with `wait` when the backfill has ended or the time is up. A complete attempt has an ETag.
         */
        get: operations["getAttempt"];
        put?: never;
        post?: never;
        /**
         * Delete an attempt, here and at its node, for good
         * @description Nobody sees it from then on, and it stays deleted whoever announces it again. Its node deletes it too: at once if it is connected, otherwise when it comes back, and again whenever it announces it. Deleting it twice is 204 as well. docs/operations.md says what may remain of it, and for how long.
         */
        delete: operations["deleteAttempt"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/nodes/task-attempts/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Same as GET /v1/swarm/attempts/{id}, under its former name
         * @description If the attempt has a gap and its node is connected, reading it starts a backfill. The response comes at once, or with `wait` when the backfill has ended or the time is up. A complete attempt has an ETag.
         */
        get: operations["getTaskAttempt"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/nodes/task-attempts/stored": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * How much the hive has of some attempts
         * @description A node asks this before it prunes attempts. Attempts that the organisation does not have are left out. It starts no backfill.
         */
        get: operations["listStoredAttempts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/nodes/task-attempts/by-shared-task/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The attempts of a shared task, newest first, up to 1,000 */
        get: operations["listAttemptsOfTask"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/swarm/attempts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The organisation’s attempts, newest first
         * @description By when the hive learnt of them, so that what an offline node brings late comes first too.
         */
        get: operations["listAttempts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/swarm/attempts/counts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * How many attempts there are, by status and by state
         * @description With the filters of the list; cheap without any.
         */
        get: operations["countAttempts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/changes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What has changed since a position
         * @description Every change of an attempt (its metadata, its status, what the hive has of it, its deletion) has a position, higher than those of all changes before it. Whoever asks again and again with the last `next_position` misses none, over all hives, however late a node brings an attempt and whatever its clock says. Changes of one attempt in quick succession are told as one, with the attempt as it is when it is read.
         */
        get: operations["listChanges"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/changes/stream": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What changes, as server-sent events
         * @description One event for each change, with the same content as in `/v1/changes`. Its id is its position, from which Last-Event-ID (or `after`) resumes. A comment is sent every 15 s to show that the stream is alive. It ends only if the hive stops, the credential is no longer valid (`event: failed`), or the reader took nothing for 30 s (`event: cut_off`).
         */
        get: operations["streamChanges"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/swarm/attempts/{id}/logs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * An attempt’s log, a page at a time
         * @description Ordered by execution, then by line. A cursor is valid only with the filters and direction that it was given for.
         */
        get: operations["getLogs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/swarm/attempts/{id}/logs/stream": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * An attempt’s log as server-sent events, including new lines as it grows
         * @description One event per entry. Its id is a cursor, from which Last-Event-ID (or `cursor`) resumes. A comment is sent every 15 s to show that the stream is alive. The last event says why the stream ends: `event: end`, nothing more will come; `event: cut_off`, the reader took nothing for 30 s; `event: failed`, another reason. No event is called `error`, which is what an EventSource calls a lost connection. A stream that is resumed after its end is answered 204, so that an EventSource does not come back again.
         */
        get: operations["streamLogs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/swarm/attempts/{id}/logs/download": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * An attempt’s whole log, as far as it is stored, as a file
         * @description Text (the content of the lines) or NDJSON (one entry per line), compressed with gzip if the client accepts it. The file of a log that can’t grow any more, and that of the address in Content-Location, is always the same: it has a strong ETag and can be continued with Range, uncompressed. Before its first range is sent, the hive makes the whole file once to know its size, or the rest of it where it sent the beginning.
         */
        get: operations["downloadLogs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/swarm/attempts/{id}/logs/search": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The lines of an attempt’s log that match, with the lines around them
         * @description The answer is written as matches are found: one JSON object, or with `Accept: application/x-ndjson` one match per line and a last line with the other members. It searches for 10 s at the longest; then `has_more` is true and `next_cursor` says where to go on.
         */
        get: operations["searchLog"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/search": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The attempts whose logs have matching lines, newest first
         * @description Which attempts printed it, how often, and the first lines. The answer is written as they are found: one JSON object, or with `Accept: application/x-ndjson` one attempt per line and a last line with the other members. The filters are those of the list. Unless `wait_ms` says otherwise, it searches for 10 s at the longest.
         */
        get: operations["searchAll"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sync/nodes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Same as GET /v1/nodes */
        get: operations["syncNodes"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sync/swarm/attempts/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Same as GET /v1/swarm/attempts/{id}, but without starting a backfill */
        get: operations["syncAttempt"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sync/swarm/attempts/{id}/logs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Same as GET /v1/swarm/attempts/{id}/logs, but newest first by default, with entry ids as cursors */
        get: operations["syncLogs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sync/swarm/tasks/{id}/attempts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Same as GET /v1/nodes/task-attempts/by-shared-task/{id} */
        get: operations["syncAttemptsOfTask"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/swarm/attempts/{id}/backfill": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Start a backfill of an attempt, or join the one that is running
         * @description Also after a cancel, for a complete attempt, and while the node is away: the backfill waits for it.
         */
        post: operations["startBackfill"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/backfills": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The organisation’s backfills, newest first
         * @description From Temporal’s visibility store, which lags by about a second and keeps backfills for its retention period, together with what the hive has of their attempts now.
         */
        get: operations["listBackfills"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/backfills/{attempt_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The newest backfill of an attempt, with its progress */
        get: operations["getBackfill"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/backfills/{attempt_id}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Cancel the backfill of an attempt
         * @description No other backfill of the attempt starts by itself until someone starts one. Stored lines stay.
         */
        post: operations["cancelBackfill"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/webhooks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The organisation’s webhooks, oldest first, and whether their receivers take what they are sent */
        get: operations["listWebhooks"];
        put?: never;
        /**
         * Have a program told what happens
         * @description The hive sends a signed request (Standard Webhooks) for each event from now on, at least once, in order an attempt, and tries for a day. The secret is only in this response.
         */
        post: operations["createWebhook"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/webhooks/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One webhook */
        get: operations["getWebhook"];
        put?: never;
        post?: never;
        /** Delete a webhook, and what waits for it */
        delete: operations["deleteWebhook"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/webhooks/{id}/deliveries": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What a webhook was told, or is to be told, newest first
         * @description Events that were delivered or given up are listed for 7 days.
         */
        get: operations["listWebhookDeliveries"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/webhooks/{id}/test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Send the event `webhook.test`, to try the receiver
         * @description It is sent within a second or two, once; how it went is in the list of deliveries.
         */
        post: operations["testWebhook"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/webhooks/{id}/rotate-secret": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Give a webhook a new secret
         * @description For a day, each request is signed with the former one too. The secret is only in this response.
         */
        post: operations["rotateWebhookSecret"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/session": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Who the request comes from, and what a hive tells anyone about itself
         * @description For the console, which asks this first. Nobody signed in is no error.
         */
        get: operations["getSession"];
        put?: never;
        /**
         * Sign in to the console
         * @description Trades a token, or a one-time link, for a cookie that no script can read. The session ends 12 h after its last use, after 7 days, or with the token.
         */
        post: operations["openSession"];
        /** Sign out of the console */
        delete: operations["endSession"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/session/links": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Make a link that signs in to the console once
         * @description Good for five minutes. What it opens is as the caller’s credential, and ends with it.
         */
        post: operations["createSessionLink"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/session/oidc": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Go to the OpenID Connect issuer to sign in to the console */
        get: operations["startOidcSession"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/session/oidc/callback": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Come back from the issuer
         * @description The issuer sends the browser here; it must know this address as a redirect URI of the hive’s client.
         */
        get: operations["finishOidcSession"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/healthz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether the process is running */
        get: operations["health"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/readyz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether the hive can serve requests: 200 if its database takes reads and writes, and it is not stopping */
        get: operations["readiness"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** This process’s metrics for Prometheus */
        get: operations["metrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/openapi.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** This API as an OpenAPI 3.1 document */
        get: operations["openapi"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/docs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** This API as an HTML page */
        get: operations["docs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        Node: {
            /** Format: uuid */
            id: string;
            /** Format: uuid */
            organization_id: string;
            name: string;
            machine_id: string;
            protocol_version: number;
            /**
             * @description `offline`: no hive has a socket of the node.
             * @enum {string}
             */
            status: "online" | "busy" | "draining" | "offline";
            /**
             * Format: date-time
             * @description Since when it has been connected, or offline; null if it was never connected.
             */
            status_since: string | null;
            /** @description What the node said about itself when it connected. */
            capabilities: {
                [key: string]: unknown;
            };
            public_url: string | null;
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            last_heartbeat_at: string | null;
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            connected_at: string | null;
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            disconnected_at: string | null;
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            created_at: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            updated_at: string;
            incomplete: components["schemas"]["IncompleteAttempts"];
        };
        /** @description The node’s attempts that the hive does not have in full, by their `sync_state`: what the node still owes. */
        IncompleteAttempts: {
            partial: number;
            pending_backfill: number;
            /** @description What is missing of them will not come. */
            unavailable: number;
            /** @description Attempts among the `partial` and `pending_backfill` ones that run: their lines come as they are printed. */
            running: number;
            /** @description Lines of the `partial` and `pending_backfill` ones that the node has and the hive has not stored yet. */
            lines_missing: number;
        };
        /** @description An error (RFC 9457). */
        Problem: {
            type: string;
            title: string;
            status: number;
            detail: string;
            /** @enum {string} */
            code: "invalid_request" | "invalid_json" | "invalid_cursor" | "unauthenticated" | "forbidden" | "cross_site_request" | "not_found" | "method_not_allowed" | "conflict" | "precondition_failed" | "body_too_large" | "range_not_satisfiable" | "unsupported_media_type" | "upgrade_required" | "too_many_requests" | "header_too_large" | "internal" | "log_damaged" | "issuer_unavailable" | "temporal_unavailable" | "database_unavailable" | "too_many_streams";
            /** @description The same as `detail`, for clients of the original hive, which read this member. */
            error: string;
            request_id: string | null;
            errors?: {
                /** @enum {string} */
                in: "path" | "query" | "body" | "header";
                field: string;
                message: string;
            }[];
        } & {
            [key: string]: unknown;
        };
        /** @description What the hive has from a node, and would lose if the node were deleted. */
        Mirrored: {
            attempts: number;
            executions: number;
            /** @description Stored log lines. */
            lines: number;
        };
        CreatedApiKey: {
            api_key: components["schemas"]["ApiKey"];
            /** @description 64 hexadecimal digits. Shown only in this response. */
            secret: string;
        };
        /** @description A node’s credential. It is bound to the first machine that uses it. */
        ApiKey: {
            /** Format: uuid */
            id: string;
            /** Format: uuid */
            organization_id: string;
            name: string;
            /** @description The secret’s first 8 characters. */
            key_prefix: string;
            /** Format: uuid */
            created_by: string | null;
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            last_used_at: string | null;
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            revoked_at: string | null;
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            created_at: string;
            /** Format: uuid */
            node_id: string | null;
            takeover_count: number;
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            takeover_window_start: string | null;
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            blocked_at: string | null;
            blocked_reason: string | null;
        };
        NewApiKey: {
            name: string;
            /**
             * Format: uuid
             * @description Not needed: a credential belongs to one organisation. If it is given, it must be that one.
             */
            organization_id?: string;
        };
        CreatedNodeInvite: {
            /** Format: uuid */
            id: string;
            /** @description `join_` and 43 characters. Shown only in this response. */
            token: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            expires_at: string;
        };
        NewNodeInvite: {
            /** @default 60 */
            expires_in_minutes: number;
            /**
             * Format: uuid
             * @description Not needed: a credential belongs to one organisation. If it is given, it must be that one.
             */
            organization_id?: string;
        };
        /** @description A one-time token with which a machine gets a key of its own. */
        NodeInvite: {
            /** Format: uuid */
            id: string;
            /** @description The token’s first 13 characters. */
            token_prefix: string;
            /** @enum {string} */
            status: "open" | "used" | "expired";
            /** Format: uuid */
            created_by: string | null;
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            created_at: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            expires_at: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            used_at: string | null;
            /**
             * Format: uuid
             * @description The key that was made for the machine that used it.
             */
            api_key_id: string | null;
        };
        EnrolledNode: {
            /** @description 64 hexadecimal digits. Shown only in this response. */
            node_key: string;
            /** Format: uuid */
            organization_id: string;
        };
        Enrollment: {
            token: string;
            /**
             * Format: uuid
             * @description The UUID of the node’s store. Only this machine can use the key.
             */
            machine_id: string;
            /** @description Name of the key. */
            name: string;
        };
        CreatedApiToken: {
            token: components["schemas"]["ApiToken"];
            /** @description Shown only in this response. */
            secret: string;
        };
        /** @description A credential for people and programs. */
        ApiToken: {
            /** Format: uuid */
            id: string;
            /** Format: uuid */
            organization_id: string;
            name: string;
            /** @enum {string} */
            role: "viewer" | "admin";
            /** @description The secret’s first characters. */
            token_prefix: string;
            /**
             * Format: uuid
             * @description The admin’s token; null if it was made on the hive’s machine.
             */
            created_by: string | null;
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            created_at: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            expires_at: string | null;
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            revoked_at: string | null;
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            last_used_at: string | null;
        };
        NewApiToken: {
            name: string;
            /**
             * @default viewer
             * @enum {string}
             */
            role: "viewer" | "admin";
            /** @description It never expires if this is absent. */
            expires_in_days?: number;
            /**
             * Format: uuid
             * @description Not needed: a credential belongs to one organisation. If it is given, it must be that one.
             */
            organization_id?: string;
        };
        /** @description Who owns nodes, attempts and credentials. Each sees only its own. */
        Organization: {
            /** Format: uuid */
            id: string;
            name: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            created_at: string;
        };
        /** @description The new organisation, and its first admin’s token. */
        CreatedOrganization: {
            organization: components["schemas"]["Organization"];
            token: components["schemas"]["ApiToken"];
            /** @description Shown only in this response. */
            secret: string;
        };
        NewOrganization: {
            /** @description the name of an organisation has 1 to 100 characters, without spaces or control characters */
            name: string;
        };
        LinkedSwarmProject: {
            /** Format: uuid */
            id: string;
            /** Format: uuid */
            organization_id: string;
            name: string;
            description: string | null;
            metadata: {
                [key: string]: unknown;
            };
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            created_at: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            updated_at: string;
            linked_nodes_count: number;
            linked_node_names: string[];
            linked_node_ids: string[];
        };
        /** @description A project to which projects of version 1 nodes are linked. */
        SwarmProject: {
            /** Format: uuid */
            id: string;
            /** Format: uuid */
            organization_id: string;
            name: string;
            description: string | null;
            metadata: {
                [key: string]: unknown;
            };
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            created_at: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            updated_at: string;
        };
        NewSwarmProject: {
            /**
             * Format: uuid
             * @description Not needed: a credential belongs to one organisation. If it is given, it must be that one.
             */
            organization_id?: string;
            name: string;
            description?: string | null;
            metadata?: {
                [key: string]: unknown;
            } | null;
        };
        /** @description A project that a version 1 node has reported. */
        NodeProject: {
            /** Format: uuid */
            id: string;
            /** Format: uuid */
            node_id: string;
            /** Format: uuid */
            local_project_id: string;
            name: string;
            git_repo_path: string;
            default_branch: string;
            /**
             * Format: uuid
             * @description What it is linked to.
             */
            swarm_project_id: string | null;
            swarm_project_name: string | null;
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            last_seen_at: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            created_at: string;
        };
        ProjectLink: {
            /** Format: uuid */
            id: string;
            /** Format: uuid */
            swarm_project_id: string;
            /** Format: uuid */
            node_id: string;
            node_name: string;
            /** Format: uuid */
            local_project_id: string;
            project_name: string;
            git_repo_path: string;
            os_type: string | null;
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            linked_at: string;
        };
        NewProjectLink: {
            /** Format: uuid */
            node_id: string;
            /**
             * Format: uuid
             * @description The id that the node has given the project.
             */
            local_project_id: string;
            /** @description Needed only if the node has not reported the project. */
            git_repo_path?: string;
            /** @description Not used: the hive knows it from the node. */
            os_type?: string | null;
        };
        AttemptDetail: {
            attempt: components["schemas"]["Attempt"];
            /** @description In the order in which the hive learnt of them. */
            executions: components["schemas"]["Execution"][];
            /** @description Whether all executions have ended. */
            is_complete: boolean;
            /** @description How many secret values the node masked in the lines of all executions. */
            masked: number;
            node_info: components["schemas"]["NodeInfo"];
            sync: components["schemas"]["Sync"];
        };
        /** @description A task attempt as its node describes it, and how complete the hive’s copy is. */
        Attempt: {
            /** Format: uuid */
            id: string;
            /** Format: uuid */
            assignment_id: string | null;
            /** Format: uuid */
            shared_task_id: string | null;
            /** Format: uuid */
            node_id: string;
            title: string | null;
            executor: string;
            executor_variant: string | null;
            branch: string;
            target_branch: string;
            container_ref: string | null;
            worktree_deleted: boolean;
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            setup_completed_at: string | null;
            /**
             * Format: date-time
             * @description By the clock of the node, in UTC. Any year.
             */
            created_at: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            updated_at: string;
            /**
             * Format: date-time
             * @description When the hive first learnt of the attempt.
             */
            arrived_at: string;
            /** @description The node’s counter of changes to the attempt. */
            revision: number;
            /** @description How many executions there are according to the node. */
            execution_count: number;
            /**
             * @description `running` if one of its executions runs, otherwise how the one ended that ended last; null if there is none.
             * @enum {string|null}
             */
            status: "running" | "completed" | "failed" | "killed" | null;
            /** @description Exit status of the execution that ended last; null while one runs. */
            exit_code: number | null;
            /** @description The beginning of what that execution ran (of those that run, the first), to be shown where there is no title. Data from a node: it can contain control characters. */
            command: string | null;
            /**
             * Format: date-time
             * @description When the execution that ended last ended, by the clock of the node; null while one runs, or if nobody knows.
             */
            ended_at: string | null;
            /** @description What the agent’s own stream told about the attempt. */
            summary: {
                executor?: string | null;
                model?: string | null;
                session_id?: string | null;
                cost_usd?: number | null;
                turns?: number | null;
                input_tokens?: number | null;
                output_tokens?: number | null;
                last_message?: string | null;
                ended_with_error?: boolean | null;
            } | null;
            /** @enum {string} */
            sync_state: "partial" | "pending_backfill" | "complete" | "unavailable";
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            sync_requested_at: string | null;
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            last_full_sync_at: string | null;
            /** @description How many lines there are according to the node. */
            lines_declared: number;
            /** @description How many of them the hive has. */
            lines_stored: number;
            /** @description Its place in the feed (`/v1/changes`), higher after each change; null for a moment until the hive has given it one. */
            position: number | null;
            /**
             * Format: date-time
             * @description When it got this position, by the hive’s clock.
             */
            changed_at: string | null;
        };
        /** @description A process that ran in an attempt. */
        Execution: {
            /** Format: uuid */
            id: string;
            /** Format: uuid */
            attempt_id: string;
            /** Format: uuid */
            node_id: string;
            /** @enum {string} */
            run_reason: "setupscript" | "cleanupscript" | "codingagent" | "devserver";
            /** @description JSON of any shape, as the node sent it. */
            executor_action?: unknown;
            before_head_commit: string | null;
            after_head_commit: string | null;
            /** @enum {string} */
            status: "running" | "completed" | "failed" | "killed";
            exit_code: number | null;
            dropped: boolean;
            pid: number | null;
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            started_at: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            completed_at: string | null;
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            created_at: string;
            /** @description How many secret values the node masked in the lines. */
            masked: number;
            /** @description How many lines there are according to the node. */
            log_lines: number;
            log_epoch: number;
            /** @description How many lines of this epoch the hive has stored. */
            stored_lines: number;
            /** @description The node no longer has it; the hive keeps its copy. */
            gone_from_node: boolean;
        };
        NodeInfo: {
            /** Format: uuid */
            id: string;
            name: string;
            public_url: string | null;
            status: string;
            /**
             * Format: date-time
             * @description Since when the node is connected or, if its status is `offline`, no longer is. By the hive’s clock.
             */
            since: string | null;
        };
        /** @description How complete the hive’s copy of an attempt is. */
        Sync: {
            /** @enum {string} */
            state: "partial" | "pending_backfill" | "complete" | "unavailable";
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            requested_at: string | null;
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            last_full_sync_at: string | null;
            workflow_id: string | null;
            /** @description Address in the Temporal UI, for admins who can reach it; one on the hive’s own machine is given only there. */
            workflow_url: string | null;
            last_error: string | null;
            lines_declared: number;
            lines_stored: number;
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            retry_at: string | null;
            /** @description Whether a cancel paused the attempt: no backfill starts by itself until someone starts one. */
            held: boolean;
            unavailable_reason: string | null;
            /** @description For the state `unavailable`: that what is missing will not come, and why. */
            explanation: string | null;
            /** @description The first 100 ranges. */
            missing: components["schemas"]["MissingLines"][];
            next: components["schemas"]["WhatNext"];
        };
        /** @description Lines that the hive has not stored. */
        MissingLines: {
            /** Format: uuid */
            execution_id: string;
            first_seq: number;
            /** @description Null if the node has not said how many lines there are; then it is not certain that any are missing. */
            last_seq: number | null;
            reason: string;
            /** @description Where these lines are, or why they can not be had, in sentences for people. They contain the name of the node. */
            explanation: string;
        };
        /** @description What happens next to the hive’s copy of an attempt. */
        WhatNext: {
            /** @enum {string} */
            code: "nothing_missing" | "will_not_come" | "backfill_running" | "backfill_waits_for_node" | "held" | "waits_for_node" | "lines_arrive_live" | "set_aside" | "backfill_after_retry_at" | "backfill_soon";
            /** @description The same for people. It can contain the name of the node. */
            sentence: string;
        };
        StoredAttempts: {
            attempts: components["schemas"]["StoredAttempt"][];
        };
        StoredAttempt: {
            /** Format: uuid */
            attempt_id: string;
            /** Format: uuid */
            node_id: string;
            revision: number;
            /** @enum {string} */
            sync_state: "partial" | "pending_backfill" | "complete" | "unavailable";
            /** @description Executions that the node still has. */
            executions: number;
            /** @description Lines of these executions that the hive has. */
            lines_stored: number;
        };
        AttemptsOfTask: {
            attempts: components["schemas"]["Attempt"][];
        };
        AttemptPage: {
            attempts: components["schemas"]["Attempt"][];
            next_cursor: string | null;
            has_more: boolean;
        };
        AttemptCounts: {
            total: number;
            by_status: {
                running: number;
                completed: number;
                failed: number;
                killed: number;
                /** @description Attempts without executions. */
                none: number;
            };
            by_sync_state: {
                partial: number;
                pending_backfill: number;
                complete: number;
                unavailable: number;
            };
        };
        ChangePage: {
            changes: components["schemas"]["Change"][];
            /** @description What to ask for next. Lower than `after` if the hive’s database was replaced by an older one: then everything is told again. */
            next_position: number;
            has_more: boolean;
        };
        /** @description A change of an attempt. Several changes in a row can be told as one. */
        Change: {
            position: number;
            /** Format: uuid */
            attempt_id: string;
            deleted: boolean;
            /** @description As it is now; null if it is deleted. */
            attempt: {
                /** Format: uuid */
                id: string;
                /** Format: uuid */
                assignment_id: string | null;
                /** Format: uuid */
                shared_task_id: string | null;
                /** Format: uuid */
                node_id: string;
                title: string | null;
                executor: string;
                executor_variant: string | null;
                branch: string;
                target_branch: string;
                container_ref: string | null;
                worktree_deleted: boolean;
                /**
                 * Format: date-time
                 * @description RFC 3339, UTC
                 */
                setup_completed_at: string | null;
                /**
                 * Format: date-time
                 * @description By the clock of the node, in UTC. Any year.
                 */
                created_at: string;
                /**
                 * Format: date-time
                 * @description RFC 3339, UTC
                 */
                updated_at: string;
                /**
                 * Format: date-time
                 * @description When the hive first learnt of the attempt.
                 */
                arrived_at: string;
                /** @description The node’s counter of changes to the attempt. */
                revision: number;
                /** @description How many executions there are according to the node. */
                execution_count: number;
                /**
                 * @description `running` if one of its executions runs, otherwise how the one ended that ended last; null if there is none.
                 * @enum {string|null}
                 */
                status: "running" | "completed" | "failed" | "killed" | null;
                /** @description Exit status of the execution that ended last; null while one runs. */
                exit_code: number | null;
                /** @description The beginning of what that execution ran (of those that run, the first), to be shown where there is no title. Data from a node: it can contain control characters. */
                command: string | null;
                /**
                 * Format: date-time
                 * @description When the execution that ended last ended, by the clock of the node; null while one runs, or if nobody knows.
                 */
                ended_at: string | null;
                /** @description What the agent’s own stream told about the attempt. */
                summary: {
                    executor?: string | null;
                    model?: string | null;
                    session_id?: string | null;
                    cost_usd?: number | null;
                    turns?: number | null;
                    input_tokens?: number | null;
                    output_tokens?: number | null;
                    last_message?: string | null;
                    ended_with_error?: boolean | null;
                } | null;
                /** @enum {string} */
                sync_state: "partial" | "pending_backfill" | "complete" | "unavailable";
                /**
                 * Format: date-time
                 * @description RFC 3339, UTC
                 */
                sync_requested_at: string | null;
                /**
                 * Format: date-time
                 * @description RFC 3339, UTC
                 */
                last_full_sync_at: string | null;
                /** @description How many lines there are according to the node. */
                lines_declared: number;
                /** @description How many of them the hive has. */
                lines_stored: number;
                /** @description Its place in the feed (`/v1/changes`), higher after each change; null for a moment until the hive has given it one. */
                position: number | null;
                /**
                 * Format: date-time
                 * @description When it got this position, by the hive’s clock.
                 */
                changed_at: string | null;
            } | null;
        };
        LogPage: {
            /** @description Fewer than the limit, or none, does not mean the end; see `has_more`. A response has at most about 8 MiB. */
            entries: components["schemas"]["LogEntry"][];
            /** @description Whether there are more lines now. */
            has_more: boolean;
            /** @description How many stored lines match the filters, on all pages. */
            total_count: number;
            /** @description The cursor of the next page. Forward, it is also set without `has_more` while more lines may come: ask again with it later to get the later lines of every execution, each line once. Null at the end. */
            next_cursor: string | null;
        };
        /** @description One line of a log, or a part of one. */
        LogEntry: {
            /** @description Orders an attempt’s entries by execution, then by line. */
            id: number;
            /** Format: uuid */
            execution_id: string;
            /** @description The line’s number in its execution, starting at 1. */
            seq: number;
            /** @enum {string} */
            output_type: "stdout" | "stderr" | "system";
            content: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            timestamp: string;
            /**
             * @description Present if the entry was not ended by a newline: the next entry of the same execution and output type continues it. Joined, their contents are what was printed between two newlines.
             * @enum {boolean}
             */
            partial?: true;
        };
        AttemptSearchPage: {
            /** @description In the direction’s order. Fewer than the limit, or none, does not mean the end; see `has_more`. A response has at most about 8 MiB. */
            matches: components["schemas"]["LogMatch"][];
            /** @description Where to go on with the same filters and direction. Forward, it is also set without `has_more` while more lines may come. Null at the end. */
            next_cursor: string | null;
            /** @description Whether there are lines now that have not been looked at. */
            has_more: boolean;
            /** @description How many lines this answer has looked at, of how many that are stored under the filters. */
            looked_through: {
                lines: number;
                of: number;
            };
            /** @description Stored lines that could not be searched, because they are damaged. */
            damaged: {
                /** Format: uuid */
                execution_id: string;
                first_seq: number;
                last_seq: number;
            }[];
        };
        /** @description A line that matches. */
        LogMatch: {
            /** @description Orders an attempt’s entries by execution, then by line. */
            id: number;
            /** Format: uuid */
            execution_id: string;
            /** @description The line’s number in its execution, starting at 1. */
            seq: number;
            /** @enum {string} */
            output_type: "stdout" | "stderr" | "system";
            content: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            timestamp: string;
            /**
             * @description Present if the entry was not ended by a newline: the next entry of the same execution and output type continues it. Joined, their contents are what was printed between two newlines.
             * @enum {boolean}
             */
            partial?: true;
            /** @description Where it matches: from (inclusive) and to (exclusive), as byte offsets in the content’s UTF-8. At most 100. */
            ranges: [
                number,
                number
            ][];
            before: components["schemas"]["LineAround"][];
            /** @description The lines around it in its execution, of any output type, in their order. Fewer where a page is damaged or lines are very long. */
            after: components["schemas"]["LineAround"][];
        };
        LineAround: {
            /** @description Orders an attempt’s entries by execution, then by line. */
            id: number;
            /** Format: uuid */
            execution_id: string;
            /** @description The line’s number in its execution, starting at 1. */
            seq: number;
            /** @enum {string} */
            output_type: "stdout" | "stderr" | "system";
            content: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            timestamp: string;
            /**
             * @description Present if the entry was not ended by a newline: the next entry of the same execution and output type continues it. Joined, their contents are what was printed between two newlines.
             * @enum {boolean}
             */
            partial?: true;
            /**
             * @description Present if the content was longer than 4 KiB and was cut.
             * @enum {boolean}
             */
            cut?: true;
        };
        SearchAllPage: {
            /** @description The attempt that arrived last comes first. */
            attempts: components["schemas"]["FoundAttempt"][];
            /** @description Where to go on, with the same parameters; null if everything has been looked through. */
            next_cursor: string | null;
            /** @description Whether everything has been looked through: false if the limit was reached or the time was up. */
            complete: boolean;
            /** @description How many stored pages of the attempts in question this and the earlier answers have looked through or excluded by the index, of how many. */
            looked_through: {
                pages: number;
                of: number;
            };
            /** @description Stored lines that could not be searched, because they are damaged. */
            damaged: {
                /** Format: uuid */
                execution_id: string;
                first_seq: number;
                last_seq: number;
            }[];
        };
        /** @description An attempt that has matching lines. */
        FoundAttempt: {
            attempt: components["schemas"]["Attempt"];
            /** @description How many of its stored lines match. */
            matches: number;
            /** @description There may be more: an attempt is counted up to 10,000 matches, or 50,000 opened lines, or until the time is up. */
            at_least: boolean;
            /** @description The first of them, without lines around. */
            first: components["schemas"]["LogMatch"][];
        };
        SyncLogPage: {
            /** @description Fewer than the limit, or none, does not mean the end; see `has_more`. A response has at most about 8 MiB. */
            entries: components["schemas"]["LogEntry"][];
            /** @description Whether there are more lines now. */
            has_more: boolean;
            /** @description How many stored lines match the filters, on all pages. */
            total_count: number;
            next_cursor: number | null;
        };
        StartedBackfill: {
            workflow_id: string;
            run_id: string;
            /** @description Whether this is a backfill of the attempt that was already running. */
            joined: boolean;
        };
        StartBackfill: {
            /**
             * @description `full_attempt`: metadata and lines; `executions`: metadata; `logs`: lines of executions that the hive knows.
             * @default full_attempt
             * @enum {string}
             */
            type: "full_attempt" | "executions" | "logs";
        };
        BackfillPage: {
            backfills: components["schemas"]["ListedBackfill"][];
            next_cursor: string | null;
            has_more: boolean;
        };
        ListedBackfill: {
            workflow_id: string;
            run_id: string;
            /** Format: uuid */
            attempt_id: string;
            /** Format: uuid */
            node_id: string | null;
            /** @description read, reconnect, schedule or manual */
            trigger: string | null;
            /** @enum {string} */
            status: "running" | "completed" | "failed" | "cancelled" | "timed_out" | "terminated";
            /** @description Once it has ended: complete, partial, unavailable, node_offline, cancelled or failed */
            outcome: string | null;
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            started_at: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            ended_at: string | null;
            /** @description Address in the Temporal UI, for admins who can reach it; one on the hive’s own machine is given only there. */
            workflow_url: string | null;
            /** @description The attempt as it is now, also for a backfill that has ended long ago; while one runs, it tells how far it has come. Null if the attempt has been deleted. */
            attempt: {
                title: string | null;
                /** @description The beginning of what it ran, to be shown where there is no title. Data from a node, as the title is. */
                command: string | null;
                node_name: string;
                /** @enum {string} */
                sync_state: "partial" | "pending_backfill" | "complete" | "unavailable";
                /** @description How many lines there are according to the node. */
                lines_declared: number;
                /** @description How many of them the hive has. */
                lines_stored: number;
                /** @description Why the last backfill stored less than everything: a code. */
                last_error: string | null;
                /** @description For the state `unavailable`: that what is missing will not come, and why. */
                explanation: string | null;
            } | null;
        };
        Backfill: {
            workflow_id: string;
            run_id: string;
            /** Format: uuid */
            attempt_id: string;
            /** Format: uuid */
            node_id: string | null;
            /** @description read, reconnect, schedule or manual */
            trigger: string | null;
            /** @enum {string} */
            status: "running" | "completed" | "failed" | "cancelled" | "timed_out" | "terminated";
            /** @description Once it has ended: complete, partial, unavailable, node_offline, cancelled or failed */
            outcome: string | null;
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            started_at: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            ended_at: string | null;
            /** @description Address in the Temporal UI, for admins who can reach it; one on the hive’s own machine is given only there. */
            workflow_url: string | null;
            /** @description While it runs. Null after that, or if no worker answered in time. */
            progress: {
                /** @enum {string} */
                phase: "locating" | "waiting_for_node" | "waiting_for_answers" | "mirroring" | "settling" | "ended";
                executions: number;
                lines_declared: number;
                lines_stored: number;
                /** @description Lines that this backfill has itself pulled and stored. */
                lines_pulled: number;
                pulls: number;
            } | null;
            /** @description Once it has ended, however it ended: what the hive had of the attempt then. For a backfill that was terminated or timed out: what it has now. */
            result: {
                lines_declared: number;
                lines_stored: number;
                /** @description Null if it was ended from outside and nobody knows. */
                lines_pulled: number | null;
                reason: string | null;
                /** @description For `unavailable`: that what is missing will not come, and why. */
                explanation: string | null;
            } | null;
        };
        /** @description A program of the organisation that is told what happens (docs/webhooks.md). */
        Webhook: {
            /** Format: uuid */
            id: string;
            url: string;
            description: string;
            /** @description Of attempt.ended, attempt.complete, attempt.unavailable, node.offline. */
            events: string[];
            /** @description For `node.offline`: how long a node has been away when it is told. */
            offline_minutes: number;
            /** Format: uuid */
            created_by: string | null;
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            created_at: string;
            /**
             * Format: date-time
             * @description When the receiver last took an event.
             */
            last_delivery: string | null;
            /** @description A code, while the receiver fails: see `failing_since`. */
            last_error: string | null;
            /**
             * Format: date-time
             * @description Since when the receiver has taken nothing. Then only one request at a time tries it, ever more rarely.
             */
            failing_since: string | null;
            /**
             * Format: date-time
             * @description When a failing receiver is tried next.
             */
            next_try_at: string | null;
            /** @description How many events wait for their delivery. */
            waiting: number;
        };
        CreatedWebhook: {
            /** Format: uuid */
            id: string;
            url: string;
            description: string;
            /** @description Of attempt.ended, attempt.complete, attempt.unavailable, node.offline. */
            events: string[];
            /** @description For `node.offline`: how long a node has been away when it is told. */
            offline_minutes: number;
            /** Format: uuid */
            created_by: string | null;
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            created_at: string;
            /**
             * Format: date-time
             * @description When the receiver last took an event.
             */
            last_delivery: string | null;
            /** @description A code, while the receiver fails: see `failing_since`. */
            last_error: string | null;
            /**
             * Format: date-time
             * @description Since when the receiver has taken nothing. Then only one request at a time tries it, ever more rarely.
             */
            failing_since: string | null;
            /**
             * Format: date-time
             * @description When a failing receiver is tried next.
             */
            next_try_at: string | null;
            /** @description How many events wait for their delivery. */
            waiting: number;
            /** @description `whsec_` and base64. Shown only in this response. */
            secret: string;
        };
        /** @description An organisation has at most 20. */
        NewWebhook: {
            /** @description http or https, without a user name or a password. */
            url: string;
            /** @default  */
            description: string;
            /**
             * @default [
             *       "attempt.ended",
             *       "attempt.complete",
             *       "attempt.unavailable",
             *       "node.offline"
             *     ]
             */
            events: ("attempt.ended" | "attempt.complete" | "attempt.unavailable" | "node.offline")[];
            /** @default 10 */
            offline_minutes: number;
            /**
             * Format: uuid
             * @description Not needed: a credential belongs to one organisation. If it is given, it must be that one.
             */
            organization_id?: string;
        };
        WebhookDeliveryPage: {
            deliveries: components["schemas"]["WebhookDelivery"][];
            next_cursor: string | null;
            has_more: boolean;
        };
        WebhookDelivery: {
            /**
             * Format: uuid
             * @description The header webhook-id of each of its requests.
             */
            id: string;
            type: string;
            /** Format: uuid */
            attempt_id: string | null;
            /** Format: uuid */
            node_id: string | null;
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            occurred_at: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            created_at: string;
            /** @enum {string} */
            state: "waiting" | "delivered" | "given_up";
            tries: number;
            /** @description The HTTP status of the last answer; null if there was none. */
            last_status: number | null;
            /** @description A code: why the last try failed, or why it was given up. */
            last_error: string | null;
            /** @description The first 200 characters of what the receiver answered. Text of the receiver’s. */
            last_answer: string | null;
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            next_try_at: string | null;
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            delivered_at: string | null;
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            given_up_at: string | null;
        };
        StartedTest: {
            /** Format: uuid */
            delivery_id: string;
        };
        RotatedSecret: {
            /** @description `whsec_` and base64. Shown only in this response. */
            secret: string;
        };
        CurrentSession: {
            /** @description Null if nobody is signed in. */
            session: {
                /** @enum {string} */
                role: "viewer" | "admin";
                organization: {
                    /** Format: uuid */
                    id: string;
                    name: string;
                };
                /**
                 * Format: date-time
                 * @description When it ends unless it is used; null for an API token in the Authorization header.
                 */
                expires_at: string | null;
            } | null;
            hive: components["schemas"]["HiveInfo"];
        };
        /** @description What a hive tells anyone about itself. */
        HiveInfo: {
            version: string;
            /** @description Where clients and nodes reach the hive, if it knows. */
            public_url: string | null;
            sign_in: {
                /** @description Whether `/v1/session/oidc` signs in at an OpenID Connect issuer. */
                oidc: boolean;
            };
        };
        NewSession: {
            /** @description An API token, or a JWT of the hive’s OpenID Connect issuer. */
            token?: string;
            /** @description What `#link=` of a one-time link holds. */
            link?: string;
        };
        /** @description A link to the console that signs in once, as its maker. */
        SessionLink: {
            /** @description Shown only in this response. Whoever opens it first is signed in. */
            url: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            expires_at: string;
        };
        Health: {
            /** @enum {string} */
            status: "ok";
        };
        /** @description Mirroring and reads continue while Temporal or the workers are degraded. */
        Readiness: {
            /** @enum {string} */
            database: "ok" | "degraded";
            /** @enum {string} */
            temporal: "ok" | "degraded";
            /** @enum {string} */
            workers: "ok" | "degraded";
            /** @description Why a part is degraded, or why the hive takes no new clients. */
            reasons: {
                hive?: string;
                database?: string;
                temporal?: string;
                workers?: string;
            };
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    listNodes: {
        parameters: {
            query?: {
                /** @description Not needed: a credential belongs to one organisation. If it is given, it must be that one. */
                organization_id?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Node"][];
                };
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No valid credential. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Only for admins, or `organization_id` is not the caller’s organisation. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database does not answer or takes no writes; see Retry-After. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getNode: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Node"];
                };
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No valid credential. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description By cookie, from a page of another site or without `X-Hivesync: 1`. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown, or of another organisation. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database does not answer or takes no writes; see Retry-After. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    deleteNode: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Deleted. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No valid credential. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Only for admins, or `organization_id` is not the caller’s organisation. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown, or of another organisation. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database does not answer or takes no writes; see Retry-After. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    countMirrored: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Mirrored"];
                };
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No valid credential. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description By cookie, from a page of another site or without `X-Hivesync: 1`. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown, or of another organisation. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database does not answer or takes no writes; see Retry-After. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    connectNode: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A WebSocket is needed. */
            426: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listApiKeys: {
        parameters: {
            query?: {
                /** @description Not needed: a credential belongs to one organisation. If it is given, it must be that one. */
                organization_id?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiKey"][];
                };
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No valid credential. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Only for admins, or `organization_id` is not the caller’s organisation. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database does not answer or takes no writes; see Retry-After. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    createApiKey: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["NewApiKey"];
            };
        };
        responses: {
            /** @description Done. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreatedApiKey"];
                };
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No valid credential. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Only for admins, or `organization_id` is not the caller’s organisation. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is too large. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is not application/json. */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database does not answer or takes no writes; see Retry-After. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    revokeApiKey: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Revoked. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No valid credential. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Only for admins, or `organization_id` is not the caller’s organisation. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown, or of another organisation. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database does not answer or takes no writes; see Retry-After. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    unblockApiKey: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiKey"];
                };
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No valid credential. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Only for admins, or `organization_id` is not the caller’s organisation. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown, or of another organisation. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database does not answer or takes no writes; see Retry-After. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listNodeInvites: {
        parameters: {
            query?: {
                /** @description Not needed: a credential belongs to one organisation. If it is given, it must be that one. */
                organization_id?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["NodeInvite"][];
                };
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No valid credential. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Only for admins, or `organization_id` is not the caller’s organisation. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database does not answer or takes no writes; see Retry-After. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    createNodeInvite: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["NewNodeInvite"];
            };
        };
        responses: {
            /** @description Done. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreatedNodeInvite"];
                };
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No valid credential. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Only for admins, or `organization_id` is not the caller’s organisation. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is too large. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is not application/json. */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database does not answer or takes no writes; see Retry-After. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    deleteNodeInvite: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Withdrawn. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No valid credential. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Only for admins, or `organization_id` is not the caller’s organisation. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown, or of another organisation. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database does not answer or takes no writes; see Retry-After. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    enrollNode: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["Enrollment"];
            };
        };
        responses: {
            /** @description Done. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EnrolledNode"];
                };
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No valid credential. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is too large. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is not application/json. */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database does not answer or takes no writes; see Retry-After. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listTokens: {
        parameters: {
            query?: {
                /** @description Not needed: a credential belongs to one organisation. If it is given, it must be that one. */
                organization_id?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiToken"][];
                };
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No valid credential. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Only for admins, or `organization_id` is not the caller’s organisation. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database does not answer or takes no writes; see Retry-After. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    createToken: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["NewApiToken"];
            };
        };
        responses: {
            /** @description Done. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreatedApiToken"];
                };
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No valid credential. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Only for admins, or `organization_id` is not the caller’s organisation. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is too large. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is not application/json. */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database does not answer or takes no writes; see Retry-After. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    revokeToken: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Revoked. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No valid credential. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Only for admins, or `organization_id` is not the caller’s organisation. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown, or of another organisation. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database does not answer or takes no writes; see Retry-After. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getOrganization: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Organization"];
                };
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No valid credential. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description By cookie, from a page of another site or without `X-Hivesync: 1`. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown, or of another organisation. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database does not answer or takes no writes; see Retry-After. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listOrganizations: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Organization"][];
                };
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No valid credential. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Only for admins, or `organization_id` is not the caller’s organisation. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database does not answer or takes no writes; see Retry-After. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    createOrganization: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["NewOrganization"];
            };
        };
        responses: {
            /** @description Done. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreatedOrganization"];
                };
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No valid credential. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Only for admins, or `organization_id` is not the caller’s organisation. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The state does not allow it. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is too large. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is not application/json. */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database does not answer or takes no writes; see Retry-After. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listSwarmProjects: {
        parameters: {
            query?: {
                /** @description Not needed: a credential belongs to one organisation. If it is given, it must be that one. */
                organization_id?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        projects: components["schemas"]["LinkedSwarmProject"][];
                    };
                };
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No valid credential. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Only for admins, or `organization_id` is not the caller’s organisation. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database does not answer or takes no writes; see Retry-After. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    createSwarmProject: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["NewSwarmProject"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        project: components["schemas"]["SwarmProject"];
                    };
                };
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No valid credential. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Only for admins, or `organization_id` is not the caller’s organisation. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The state does not allow it. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is too large. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is not application/json. */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database does not answer or takes no writes; see Retry-After. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getSwarmProject: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        project: components["schemas"]["SwarmProject"];
                    };
                };
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No valid credential. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description By cookie, from a page of another site or without `X-Hivesync: 1`. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown, or of another organisation. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database does not answer or takes no writes; see Retry-After. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    deleteSwarmProject: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Deleted. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No valid credential. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Only for admins, or `organization_id` is not the caller’s organisation. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown, or of another organisation. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The state does not allow it. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database does not answer or takes no writes; see Retry-After. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listNodeProjects: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["NodeProject"][];
                };
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No valid credential. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description By cookie, from a page of another site or without `X-Hivesync: 1`. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown, or of another organisation. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database does not answer or takes no writes; see Retry-After. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listProjectLinks: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        nodes: components["schemas"]["ProjectLink"][];
                    };
                };
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No valid credential. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description By cookie, from a page of another site or without `X-Hivesync: 1`. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown, or of another organisation. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database does not answer or takes no writes; see Retry-After. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    linkNodeProject: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["NewProjectLink"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        link: components["schemas"]["ProjectLink"];
                    };
                };
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No valid credential. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Only for admins, or `organization_id` is not the caller’s organisation. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown, or of another organisation. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The state does not allow it. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is too large. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is not application/json. */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database does not answer or takes no writes; see Retry-After. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    unlinkNodeProject: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
                node_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Unlinked. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No valid credential. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Only for admins, or `organization_id` is not the caller’s organisation. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown, or of another organisation. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database does not answer or takes no writes; see Retry-After. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getAttempt: {
        parameters: {
            query?: {
                /** @description How many seconds to wait for a backfill that is under way. */
                wait?: number;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AttemptDetail"];
                };
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No valid credential. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description By cookie, from a page of another site or without `X-Hivesync: 1`. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown, or of another organisation. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database does not answer or takes no writes; see Retry-After. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    deleteAttempt: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Deleted. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No valid credential. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Only for admins, or `organization_id` is not the caller’s organisation. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown, or of another organisation. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database does not answer or takes no writes; see Retry-After. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getTaskAttempt: {
        parameters: {
            query?: {
                /** @description How many seconds to wait for a backfill that is under way. */
                wait?: number;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AttemptDetail"];
                };
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No valid credential. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description By cookie, from a page of another site or without `X-Hivesync: 1`. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown, or of another organisation. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database does not answer or takes no writes; see Retry-After. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listStoredAttempts: {
        parameters: {
            query: {
                /** @description Ids of attempts, separated by commas; at most 100. */
                ids: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StoredAttempts"];
                };
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No valid credential. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description By cookie, from a page of another site or without `X-Hivesync: 1`. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database does not answer or takes no writes; see Retry-After. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listAttemptsOfTask: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AttemptsOfTask"];
                };
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No valid credential. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description By cookie, from a page of another site or without `X-Hivesync: 1`. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown, or of another organisation. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database does not answer or takes no writes; see Retry-After. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listAttempts: {
        parameters: {
            query?: {
                node_id?: string;
                sync_state?: "partial" | "pending_backfill" | "complete" | "unavailable";
                status?: "running" | "completed" | "failed" | "killed";
                executor?: string;
                branch?: string;
                /** @description Of this shared task. */
                task?: string;
                /** @description Made (`created_at`) at this time or later. */
                since?: string;
                /** @description Made before this time. */
                until?: string;
                /** @description The first 4 or more hexadecimal digits of the id. */
                id_prefix?: string;
                /** @description Changed after this position of the feed (`/v1/changes`). An attempt that has no position yet is left out. */
                after?: string;
                /** @description What the title or the command contains, in upper or lower case. */
                q?: string;
                /** @description `arrived` (the default): as the hive learnt of them; `created`: by the clocks of their nodes; `changed`: by their position in the feed, what has changed last first. A cursor continues the order that it was given for. */
                order?: "arrived" | "created" | "changed";
                /** @description The maximum number of items in one response. */
                limit?: number;
                cursor?: string;
                /** @description How many attempts to leave out, after those that the cursor stands for: a page far down is reached without those before it. */
                skip?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AttemptPage"];
                };
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No valid credential. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description By cookie, from a page of another site or without `X-Hivesync: 1`. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database does not answer or takes no writes; see Retry-After. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    countAttempts: {
        parameters: {
            query?: {
                node_id?: string;
                sync_state?: "partial" | "pending_backfill" | "complete" | "unavailable";
                status?: "running" | "completed" | "failed" | "killed";
                executor?: string;
                branch?: string;
                /** @description Of this shared task. */
                task?: string;
                /** @description Made (`created_at`) at this time or later. */
                since?: string;
                /** @description Made before this time. */
                until?: string;
                /** @description The first 4 or more hexadecimal digits of the id. */
                id_prefix?: string;
                /** @description Changed after this position of the feed (`/v1/changes`). An attempt that has no position yet is left out. */
                after?: string;
                /** @description What the title or the command contains, in upper or lower case. */
                q?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AttemptCounts"];
                };
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No valid credential. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description By cookie, from a page of another site or without `X-Hivesync: 1`. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database does not answer or takes no writes; see Retry-After. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listChanges: {
        parameters: {
            query?: {
                /** @description The last `next_position`. Absent: from the beginning; `latest`: only what changes from now on. */
                after?: string;
                /** @description The maximum number of items in one response. */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ChangePage"];
                };
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No valid credential. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description By cookie, from a page of another site or without `X-Hivesync: 1`. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database does not answer or takes no writes; see Retry-After. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    streamChanges: {
        parameters: {
            query?: {
                /** @description The last `next_position`. Absent: from the beginning; `latest`: only what changes from now on. */
                after?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The events. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": string;
                };
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No valid credential. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description By cookie, from a page of another site or without `X-Hivesync: 1`. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many open streams, or the database does not answer; see Retry-After. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getLogs: {
        parameters: {
            query?: {
                execution_id?: string;
                output_type?: "stdout" | "stderr" | "system";
                /** @description The maximum number of items in one response. */
                limit?: number;
                /** @description A `next_cursor`, or the id of an entry. The page starts after it, in the given direction. */
                cursor?: string;
                direction?: "forward" | "backward";
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LogPage"];
                };
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No valid credential. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description By cookie, from a page of another site or without `X-Hivesync: 1`. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown, or of another organisation. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed, or stored lines are damaged; `code` tells which. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database does not answer or takes no writes; see Retry-After. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    streamLogs: {
        parameters: {
            query?: {
                execution_id?: string;
                output_type?: "stdout" | "stderr" | "system";
                cursor?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The events. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": string;
                };
            };
            /** @description The reader has had every line, and no more will come. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No valid credential. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description By cookie, from a page of another site or without `X-Hivesync: 1`. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown, or of another organisation. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed, or stored lines are damaged; `code` tells which. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many open streams, or the database does not answer; see Retry-After. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    downloadLogs: {
        parameters: {
            query?: {
                execution_id?: string;
                format?: "text" | "ndjson";
                /** @description From the Content-Location of an earlier download of a log that grows: the same file again. */
                until?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The file. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/octet-stream": string;
                };
            };
            /** @description The range of it. */
            206: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/octet-stream": string;
                };
            };
            /** @description The client has it already. */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No valid credential. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description By cookie, from a page of another site or without `X-Hivesync: 1`. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown, or of another organisation. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The state does not allow it. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The content is not the one that If-Match names. */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The file ends before the range; `Content-Range` has its size. */
            416: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed, or stored lines are damaged; `code` tells which. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database does not answer or takes no writes; see Retry-After. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    searchLog: {
        parameters: {
            query: {
                /** @description What is searched for in each line’s content: a text, or with `regex` a regular expression. */
                q: string;
                /** @description `q` is a regular expression in RE2’s syntax, which takes time linear in the line. */
                regex?: boolean;
                /** @description Letters match in any case, by Unicode’s simple case folding. */
                ignore_case?: boolean;
                execution_id?: string;
                output_type?: "stdout" | "stderr" | "system";
                /** @description How many lines before and after each match are shown. */
                context?: number;
                /** @description The maximum number of items in one response. */
                limit?: number;
                /** @description A `next_cursor`, or the id of an entry. The page starts after it, in the given direction. */
                cursor?: string;
                direction?: "forward" | "backward";
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AttemptSearchPage"];
                };
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No valid credential. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description By cookie, from a page of another site or without `X-Hivesync: 1`. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown, or of another organisation. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database does not answer or takes no writes; see Retry-After. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    searchAll: {
        parameters: {
            query: {
                /** @description What is searched for in each line’s content: a text, or with `regex` a regular expression. */
                q: string;
                /** @description `q` is a regular expression in RE2’s syntax, which takes time linear in the line. */
                regex?: boolean;
                /** @description Letters match in any case, by Unicode’s simple case folding. */
                ignore_case?: boolean;
                /** @description `word`: where `q` begins and ends at borders of words (runs of letters, digits and marks; in scripts without spaces, each character is a word), which the index answers; `text`: anywhere, which may take far longer. A regular expression matches anywhere. */
                match?: "word" | "text";
                node_id?: string;
                sync_state?: "partial" | "pending_backfill" | "complete" | "unavailable";
                status?: "running" | "completed" | "failed" | "killed";
                executor?: string;
                branch?: string;
                /** @description Of this shared task. */
                task?: string;
                /** @description Made (`created_at`) at this time or later. */
                since?: string;
                /** @description Made before this time. */
                until?: string;
                /** @description The first 4 or more hexadecimal digits of the id. */
                id_prefix?: string;
                /** @description Changed after this position of the feed (`/v1/changes`). An attempt that has no position yet is left out. */
                after?: string;
                /** @description Of attempts whose title or command contains this, in upper or lower case. */
                title?: string;
                /** @description How many matching lines of each attempt are shown. */
                first?: number;
                /** @description How long to search; then the answer says where to go on. */
                wait_ms?: number;
                /** @description The maximum number of items in one response. */
                limit?: number;
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SearchAllPage"];
                };
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No valid credential. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description By cookie, from a page of another site or without `X-Hivesync: 1`. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database does not answer or takes no writes; see Retry-After. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    syncNodes: {
        parameters: {
            query?: {
                /** @description Not needed: a credential belongs to one organisation. If it is given, it must be that one. */
                organization_id?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Node"][];
                };
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No valid credential. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Only for admins, or `organization_id` is not the caller’s organisation. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database does not answer or takes no writes; see Retry-After. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    syncAttempt: {
        parameters: {
            query?: {
                /** @description Not needed: a credential belongs to one organisation. If it is given, it must be that one. */
                organization_id?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AttemptDetail"];
                };
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No valid credential. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Only for admins, or `organization_id` is not the caller’s organisation. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown, or of another organisation. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database does not answer or takes no writes; see Retry-After. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    syncLogs: {
        parameters: {
            query?: {
                /** @description Not needed: a credential belongs to one organisation. If it is given, it must be that one. */
                organization_id?: string;
                /** @description The maximum number of entries; at most 10000 come at once. With 0 or -1 none come, and has_more tells whether there are any. */
                limit?: number;
                /** @description A `next_cursor`. The page starts after that entry, in the given direction. */
                cursor?: number;
                /** @description `forward`; anything else means backward, newest first. */
                direction?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SyncLogPage"];
                };
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No valid credential. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Only for admins, or `organization_id` is not the caller’s organisation. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown, or of another organisation. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed, or stored lines are damaged; `code` tells which. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database does not answer or takes no writes; see Retry-After. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    syncAttemptsOfTask: {
        parameters: {
            query?: {
                /** @description Not needed: a credential belongs to one organisation. If it is given, it must be that one. */
                organization_id?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AttemptsOfTask"];
                };
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No valid credential. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Only for admins, or `organization_id` is not the caller’s organisation. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown, or of another organisation. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database does not answer or takes no writes; see Retry-After. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    startBackfill: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["StartBackfill"];
            };
        };
        responses: {
            /** @description Done. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StartedBackfill"];
                };
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No valid credential. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Only for admins, or `organization_id` is not the caller’s organisation. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown, or of another organisation. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is too large. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is not application/json. */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Temporal or the database does not answer; see Retry-After. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listBackfills: {
        parameters: {
            query?: {
                node_id?: string;
                attempt_id?: string;
                status?: "running" | "completed" | "failed" | "cancelled" | "timed_out" | "terminated";
                /** @description The maximum number of items in one response. */
                limit?: number;
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BackfillPage"];
                };
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No valid credential. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description By cookie, from a page of another site or without `X-Hivesync: 1`. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Temporal or the database does not answer; see Retry-After. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getBackfill: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                attempt_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Backfill"];
                };
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No valid credential. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description By cookie, from a page of another site or without `X-Hivesync: 1`. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown, or of another organisation. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Temporal or the database does not answer; see Retry-After. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    cancelBackfill: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                attempt_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The cancellation has been requested. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No valid credential. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Only for admins, or `organization_id` is not the caller’s organisation. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown, or of another organisation. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The state does not allow it. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Temporal or the database does not answer; see Retry-After. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listWebhooks: {
        parameters: {
            query?: {
                /** @description Not needed: a credential belongs to one organisation. If it is given, it must be that one. */
                organization_id?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Webhook"][];
                };
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No valid credential. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Only for admins, or `organization_id` is not the caller’s organisation. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database does not answer or takes no writes; see Retry-After. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    createWebhook: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["NewWebhook"];
            };
        };
        responses: {
            /** @description Done. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreatedWebhook"];
                };
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No valid credential. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Only for admins, or `organization_id` is not the caller’s organisation. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The state does not allow it. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is too large. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is not application/json. */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database does not answer or takes no writes; see Retry-After. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getWebhook: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Webhook"];
                };
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No valid credential. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Only for admins, or `organization_id` is not the caller’s organisation. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown, or of another organisation. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database does not answer or takes no writes; see Retry-After. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    deleteWebhook: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Deleted. A request that is under way ends. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No valid credential. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Only for admins, or `organization_id` is not the caller’s organisation. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown, or of another organisation. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database does not answer or takes no writes; see Retry-After. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listWebhookDeliveries: {
        parameters: {
            query?: {
                state?: "waiting" | "delivered" | "given_up";
                /** @description The maximum number of items in one response. */
                limit?: number;
                /** @description The `next_cursor` of the page before. */
                cursor?: number;
                /** @description Not needed: a credential belongs to one organisation. If it is given, it must be that one. */
                organization_id?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookDeliveryPage"];
                };
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No valid credential. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Only for admins, or `organization_id` is not the caller’s organisation. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown, or of another organisation. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database does not answer or takes no writes; see Retry-After. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    testWebhook: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StartedTest"];
                };
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No valid credential. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Only for admins, or `organization_id` is not the caller’s organisation. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown, or of another organisation. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The state does not allow it. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database does not answer or takes no writes; see Retry-After. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    rotateWebhookSecret: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RotatedSecret"];
                };
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No valid credential. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Only for admins, or `organization_id` is not the caller’s organisation. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown, or of another organisation. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database does not answer or takes no writes; see Retry-After. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getSession: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CurrentSession"];
                };
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description By cookie, from a page of another site or without `X-Hivesync: 1`. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database does not answer or takes no writes; see Retry-After. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    openSession: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["NewSession"];
            };
        };
        responses: {
            /** @description Signed in: the answer sets the cookie. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No valid credential. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description By cookie, from a page of another site or without `X-Hivesync: 1`. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is too large. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is not application/json. */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database does not answer or takes no writes; see Retry-After. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    endSession: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Nobody is signed in any more. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description By cookie, from a page of another site or without `X-Hivesync: 1`. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database does not answer or takes no writes; see Retry-After. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    createSessionLink: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionLink"];
                };
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No valid credential. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Only for admins, or `organization_id` is not the caller’s organisation. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database does not answer or takes no writes; see Retry-After. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    startOidcSession: {
        parameters: {
            query?: {
                /** @description The page to come back to. */
                return_to?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description To the issuer; to `/sign-in?error=issuer_unavailable` if it is away. */
            303: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description By cookie, from a page of another site or without `X-Hivesync: 1`. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown, or of another organisation. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    finishOidcSession: {
        parameters: {
            query?: {
                code?: string;
                state?: string;
                error?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description To the page that was asked for, signed in; to `/sign-in?error=…` if that failed. */
            303: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description By cookie, from a page of another site or without `X-Hivesync: 1`. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown, or of another organisation. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; see Retry-After. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    health: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Health"];
                };
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readiness: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Readiness"];
                };
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Done. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Readiness"];
                };
            };
        };
    };
    metrics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The metrics in Prometheus’s text format. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    openapi: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The document. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": string;
                };
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    docs: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The page. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/html": string;
                };
            };
            /** @description A field is unknown or invalid; `errors` names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hive failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
}
