/**
 * An original node's event loop: what the hive says waits in a short queue and is handled strictly one after another. A
 * hive that sends more than the queue holds while an answer is being produced freezes the node for good.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  answerFrames,
  readRequest,
  type AnswerOptions,
  type BackfillRequest,
  type Frame,
} from './scripted-v1-frames.js';
import type { V1Queue } from './scripted-v1-queue.js';
import type { V1Store } from './scripted-v1-store.js';

export const V1_QUEUE_EVENTS = 64;

export interface RunnerHooks extends AnswerOptions {
  /** Whether backfill requests are left unanswered. */
  isMute: boolean;
  /** Runs before the response to a request for a whole attempt goes into the queue. */
  beforeResponse: (request: Frame['data']) => Promise<void> | void;
  /** The node's clock. */
  clock: () => Date;
}

/** Frames that the node's connection passes on; the others it handles, or ignores, itself. */
const EVENTS = new Set(['backfill_request', 'task_sync_response', 'op_ack', 'digest_result', 'project_sync', 'error']);

export class V1Runner {
  readonly #store: V1Store;
  readonly #queue: V1Queue;
  readonly #hooks: RunnerHooks;
  readonly #hasRoom: () => void;
  readonly #events: Frame[] = [];
  #isRunning = false;

  /** @param hasRoom called when an event was taken */
  constructor(store: V1Store, queue: V1Queue, hooks: RunnerHooks, hasRoom: () => void) {
    this.#store = store;
    this.#queue = queue;
    this.#hooks = hooks;
    this.#hasRoom = hasRoom;
  }

  /** @returns false if the queue is full: then the connection neither reads nor writes until there is room */
  offer(frame: Frame): boolean {
    if (!EVENTS.has(frame.type)) return true;
    if (this.#events.length >= V1_QUEUE_EVENTS) return false;
    this.#events.push(frame);
    void this.#run();
    return true;
  }

  async #run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    for (let event = this.#events.shift(); event; event = this.#events.shift()) {
      this.#hasRoom();
      await this.#handle(event);
    }
    this.#isRunning = false;
  }

  async #handle({ type, data }: Frame): Promise<void> {
    if (type === 'backfill_request') {
      const request = readRequest(data);
      if (request && !this.#hooks.isMute) await this.#answer(request);
    } else if (type === 'task_sync_response' && data['success'] === true) {
      const [local, shared] = [String(data['local_task_id']), String(data['shared_task_id'])];
      this.#store.takeTaskAnswer(local, shared, this.#hooks.clock());
    } else if (type === 'op_ack') {
      this.#store.outbox = this.#store.outbox.filter(({ seq }) => seq > Number(data['applied_through_seq']));
    }
  }

  async #answer(request: BackfillRequest): Promise<void> {
    const errors: string[] = [];
    let sent = 0;
    for (const id of request.entity_ids) {
      const attempt = this.#store.attempts.get(id);
      if (!attempt) {
        errors.push(`${id}: sync error: attempt ${id} not found`);
        continue;
      }
      const frames = answerFrames(attempt, request, this.#hooks);
      let next = frames.next();
      for (; !next.done; next = frames.next()) {
        await this.#queue.answer(next.value);
        await nextTurn(); // the cycle's frames may come in between
      }
      sent += next.value;
    }
    if (request.backfill_type === 'full_attempt') await this.#hooks.beforeResponse({ ...request });
    const data = {
      request_id: request.message_id,
      success: errors.length === 0,
      error: errors.length === 0 ? null : errors.join('; '),
      entities_sent: sent,
    };
    await this.#queue.answer({ type: 'backfill_response', data });
  }
}
