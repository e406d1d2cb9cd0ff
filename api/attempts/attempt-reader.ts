/** Reads one attempt: requests a backfill and waits for it, makes the ETag, and reads executions in bounded batches. */
import type { Request } from 'express';
import type { ReadRequest } from '../../backfills/for-readers.js';
import type { OrganizationScope } from '../../prisma/organization-scope.js';
import type { Principal } from '../../prisma/queries/authenticate.js';
import { findAttempt, listMissingLines, type AttemptDetailRow } from '../../prisma/queries/find-attempt.js';
import { listExecutions, type ExecutionRow } from '../../prisma/queries/list-executions.js';
import { wantLook } from '../../prisma/queries/v1/looks.js';
import { PROTOCOL_V1 } from '../../protocol/v1/frames.js';
import { weakEntityTag } from '../conditional.js';
import { limitsOf, type AppDependencies } from '../dependencies.js';
import { notFound } from '../problem.js';
import { Recheck } from '../recheck.js';
import { attemptView, executionView, nodeInfoView, syncView } from '../views/attempt.js';
import { workflowUrlFor, type WorkflowUrl } from '../views/backfill.js';
import { isUnderWay, WaitingReads } from './waiting-reads.js';

/** Small, because an execution's metadata can have 256 KiB. */
const EXECUTIONS_A_BATCH = 50;
const MISSING_LISTED = 100;
/** A node was asked not longer ago than this: it need not be asked again for a read... */
const FRESH_SECONDS = 10;
/** ...or for one that waits. */
const FRESH_FOR_WAIT_SECONDS = 2;

export interface ReadOptions {
  scope: OrganizationScope;
  principal: Principal;
  attemptId: string;
  request: Request;
  signal: AbortSignal;
  /** Set if the read starts a backfill; says how long it waits for one. */
  backfill?: { waitSeconds: number };
}

/** An attempt that was read. Its JSON comes in parts, because there can be very many executions. */
export interface AttemptReading {
  /** Null unless the attempt is complete. */
  etag: string | null;
  json(): AsyncGenerator<string>;
}

export class AttemptReader {
  readonly #deps: AppDependencies;
  readonly #waiting: WaitingReads;

  constructor(deps: AppDependencies) {
    this.#deps = deps;
    this.#waiting = new WaitingReads(limitsOf(deps).waitingReads);
  }

  /** @throws ApiError not_found, or unauthenticated if the credential was revoked during the wait */
  async read(options: ReadOptions): Promise<AttemptReading> {
    const row = await this.#find(options);
    const id = this.#deps.backfills.workflowIdOf(row.id);
    return { etag: etagOf(row, id, this.#workflowUrl(options)), json: () => this.#json(row, id, options) };
  }

  async #find(options: ReadOptions): Promise<AttemptDetailRow> {
    const { scope, attemptId, request, backfill } = options;
    const startedAt = performance.now();
    const found = await findAttempt(scope, attemptId);
    if (!found) throw notFound('task attempt');
    if (!backfill || (found.state !== 'partial' && found.state !== 'pending_backfill')) return found;
    const row = mayHaveEnded(found) ? await this.#look(found, options, backfill.waitSeconds) : found;
    const outcome = await this.#request(scope, row);
    const isRequested = outcome === 'started' || outcome === 'joined' || outcome === 'requested';
    const seconds = backfill.waitSeconds - (performance.now() - startedAt) / 1000;
    if (seconds > 0 && (isRequested || isUnderWay(row, false))) {
      const joined = outcome === 'joined';
      await this.#waiting.wait(scope, attemptId, { seconds, joined, signal: this.#patienceOf(options) });
      await this.#recheck(request).requireNow();
    } else if (!isRequested) {
      return row;
    }
    const again = await findAttempt(scope, attemptId);
    if (!again) throw notFound('task attempt');
    return again;
  }

  /**
   * Has the node asked what has become of the attempt, unless that was done just now. Changes nothing about its state.
   * @returns the attempt as it is after a wait; `row` if there is none
   */
  async #look(row: AttemptDetailRow, options: ReadOptions, waitSeconds: number): Promise<AttemptDetailRow> {
    const { scope, attemptId, request } = options;
    try {
      await wantLook(scope, attemptId, waitSeconds > 0 ? FRESH_FOR_WAIT_SECONDS : FRESH_SECONDS);
    } catch (error) {
      this.#deps.logger.warn({ err: error, attemptId }, 'a read could not have the node asked');
      return row;
    }
    if (waitSeconds === 0) return row;
    const seconds = Math.min(waitSeconds, limitsOf(this.#deps).lookMs / 1000);
    await this.#waiting.waitForLook(scope, attemptId, { seconds, signal: this.#patienceOf(options) });
    await this.#recheck(request).requireNow();
    const again = await findAttempt(scope, attemptId);
    if (!again) throw notFound('task attempt');
    return again;
  }

  #patienceOf({ signal }: ReadOptions): AbortSignal {
    const { stopping } = this.#deps;
    return stopping ? AbortSignal.any([signal, stopping]) : signal;
  }

  #workflowUrl({ principal, request }: ReadOptions): WorkflowUrl {
    return workflowUrlFor(principal, this.#deps.workflowUrl, request);
  }

  #recheck(request: Request): Recheck {
    return new Recheck(this.#deps, request, limitsOf(this.#deps).streamHeartbeatMs);
  }

  async #request(scope: OrganizationScope, row: AttemptDetailRow): Promise<ReadRequest> {
    const { backfills } = this.#deps;
    if (row.state === 'pending_backfill') {
      backfills.expedite(scope, row.id);
      return 'nothing';
    }
    if (!row.needsBackfill || row.nodeStatus === 'offline') return 'nothing';
    return backfills.requestByRead(scope, row.id);
  }

  async *#json(row: AttemptDetailRow, workflowId: string, options: ReadOptions): AsyncGenerator<string> {
    const { scope, request } = options;
    const recheck = this.#recheck(request);
    yield `{"attempt":${JSON.stringify(attemptView(row))},"executions":[`;
    let separator = '';
    for await (const batch of executionBatches(scope, row.id)) {
      await recheck.require();
      yield separator + batch.map((execution) => JSON.stringify(executionView(execution))).join(',');
      separator = ',';
    }
    const missing = row.linesStored < row.linesDeclared ? await listMissingLines(scope, row.id, MISSING_LISTED) : [];
    const url = this.#workflowUrl(options);
    const rest = {
      is_complete: row.allEnded,
      masked: Number(row.masked),
      node_info: nodeInfoView(row),
      sync: syncView(row, missing, { id: workflowId, url }),
    };
    yield `],${JSON.stringify(rest).slice(1)}`;
  }
}

/** A version 1 node never says that an execution has ended, and nothing else will have it asked now. */
function mayHaveEnded(row: AttemptDetailRow): boolean {
  const isKnownToNeedMore = row.state !== 'partial' || row.needsBackfill;
  return row.nodeProtocol === PROTOCOL_V1 && !isKnownToNeedMore && !row.allEnded && row.nodeStatus !== 'offline';
}

async function* executionBatches(scope: OrganizationScope, attemptId: string): AsyncGenerator<ExecutionRow[]> {
  for (let afterOrdinal = 0; ;) {
    const batch = await listExecutions(scope, attemptId, { afterOrdinal, limit: EXECUTIONS_A_BATCH });
    if (batch.length > 0) yield batch;
    if (batch.length < EXECUTIONS_A_BATCH) return;
    afterOrdinal = batch.at(-1)?.ordinal ?? afterOrdinal;
  }
}

/** A complete attempt's executions can't change unless its revision or the time it became complete changes too. */
function etagOf(row: AttemptDetailRow, id: string, url: WorkflowUrl): string | null {
  if (row.state !== 'complete') return null;
  const state = JSON.stringify([attemptView(row), nodeInfoView(row), syncView(row, [], { id, url })]);
  return weakEntityTag(state);
}
