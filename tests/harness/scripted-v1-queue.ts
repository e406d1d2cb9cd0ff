/**
 * An original node's queue of frames: it holds a few, outlives connections, and whoever has more to send waits. The
 * sync service and the answers to requests take turns while both wait.
 */
import type { Frame } from './scripted-v1-frames.js';

export const V1_QUEUE_FRAMES = 64;

export class V1Queue {
  readonly #frames: Frame[] = [];
  /** What the node sends by itself, one source after the other. */
  readonly #pushed: Iterator<Frame, unknown>[] = [];
  readonly #answers: { frame: Frame; queued: () => void }[] = [];
  readonly #ready: () => void;
  #isAnswersTurn = false;

  /** @param ready called when there may be something to take */
  constructor(ready: () => void) {
    this.#ready = ready;
  }

  /** Puts frames into the queue as it gets room: at once, if it has enough. */
  push(frames: Iterable<Frame, unknown>): void {
    this.#pushed.push(frames[Symbol.iterator]());
    this.#fill();
    this.#ready();
  }

  /** Resolves when the frame is in the queue. */
  answer(frame: Frame): Promise<void> {
    return new Promise((resolve) => {
      this.#answers.push({ frame, queued: resolve });
      this.#fill();
      this.#ready();
    });
  }

  take(): Frame | undefined {
    const frame = this.#frames.shift();
    this.#fill();
    return frame;
  }

  /** Whether everything that was pushed is in the queue. */
  get isPushed(): boolean {
    return this.#pushed.length === 0;
  }

  #fill(): void {
    while (this.#frames.length < V1_QUEUE_FRAMES && this.#pushed.length + this.#answers.length > 0) {
      this.#isAnswersTurn = !this.#isAnswersTurn;
      const answer = this.#isAnswersTurn || this.#pushed.length === 0 ? this.#answers.shift() : undefined;
      if (answer) {
        this.#frames.push(answer.frame);
        answer.queued();
        continue;
      }
      const next = this.#pushed[0]?.next();
      if (next?.done ?? true) this.#pushed.shift();
      else if (next) this.#frames.push(next.value);
    }
  }
}
