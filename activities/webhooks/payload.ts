/** What a receiver is told, as the database has it when it is sent. */
import type { Database } from '../../prisma/database.js';
import { forOrganization } from '../../prisma/organization-scope.js';
import { findAttempt } from '../../prisma/queries/find-attempt.js';
import { findNode } from '../../prisma/queries/list-nodes.js';
import type { NextEvent } from '../../prisma/queries/webhooks/next-event.js';

/** Titles and names are what a node sent: of any length. */
const MAX_TEXT = 1000;

/** @returns the body of the event's request; undefined if what it is about has been deleted */
export async function payloadOf(database: Database, event: NextEvent): Promise<string | undefined> {
  const data = await dataOf(database, event);
  return data && JSON.stringify({ type: event.type, timestamp: event.occurredAt.toISOString(), data });
}

async function dataOf(database: Database, event: NextEvent): Promise<object | undefined> {
  const { type, organizationId, attemptId, nodeId, occurredAt } = event;
  const scope = forOrganization(database, organizationId);
  if (type === 'webhook.test') return { organization_id: organizationId };
  if (attemptId === null) {
    const node = nodeId === null ? undefined : await findNode(scope, nodeId);
    if (!node) return undefined;
    const { id, name, status } = node;
    return {
      node_id: id,
      node_name: short(name),
      organization_id: organizationId,
      offline_since: occurredAt.toISOString(),
      status,
    };
  }
  const attempt = await findAttempt(scope, attemptId);
  if (!attempt) return undefined;
  const { metadata } = attempt;
  return {
    attempt_id: attempt.id,
    node_id: attempt.nodeId,
    node_name: short(attempt.nodeName),
    organization_id: organizationId,
    position: Number(event.position),
    // when it happened
    status: event.status,
    sync_state: event.syncState,
    // now
    attempt: {
      title: short(metadata.title),
      shared_task_id: metadata.shared_task_id ?? null,
      executor: short(metadata.executor),
      branch: short(metadata.branch),
      status: attempt.status,
      exit_code: attempt.status === 'running' ? null : attempt.exitCode,
      sync_state: attempt.state,
      execution_count: attempt.executionCount,
      lines_declared: Number(attempt.linesDeclared),
      lines_stored: Number(attempt.linesStored),
      created_at: metadata.created_at,
    },
  };
}

function short(text: string | null | undefined): string | null {
  return text?.slice(0, MAX_TEXT).toWellFormed() ?? null;
}
