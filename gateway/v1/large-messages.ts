/** Bounds the memory of large messages that are held whole, over all version 1 nodes of a process. */

/** A message of up to this many bytes is read without asking. */
export const LARGE_MESSAGE_BYTES = 1024 * 1024;

export interface LargeMessageLimits {
  /** What all large messages may take together, complete or not, until they are stored. @format bytes */
  totalBytes: number;
  /** What those of one organisation's nodes may take. @format bytes */
  organizationBytes: number;
  /** A message that has a place while others wait has to arrive at this rate... @format bytes/s */
  minRate: number;
  /** ...measured over this time. @format ms */
  rateMs: number;
  /** How long a message may wait for its place. @format ms */
  maxWaitMs: number;
}

export const LARGE_MESSAGE_LIMITS: LargeMessageLimits = {
  totalBytes: 192 * 1024 * 1024,
  organizationBytes: 96 * 1024 * 1024,
  minRate: 32 * 1024,
  rateMs: 15_000,
  maxWaitMs: 15 * 60_000,
};

/** A large message that wants to be held. */
export interface Applicant {
  organizationId: string;
  /** How much it may take at most; no more than an organisation's share. */
  bytes: number;
  /** How much of it has arrived; undefined if it is complete, or the hive itself does not read it at the moment. */
  arrived(): number | undefined;
  /** It may be read, perhaps at once. */
  admitted(): void;
  /** It has to go, because it has waited too long or arrives too slowly. Its place is free already. */
  refused(reason: string): void;
}

/** An applicant's place, waiting or admitted. */
interface Place {
  applicant: Applicant;
  bytes: number;
  since: number;
  /** What had arrived when its rate was last measured. */
  measured: number | undefined;
}

export type Release = () => void;

/**
 * Gives places to large messages, first come first served. One whose organisation has used its share waits without
 * holding up those of others.
 */
export class LargeMessages {
  readonly #limits: LargeMessageLimits;
  readonly #admitted = new Set<Place>();
  readonly #waiting = new Set<Place>();
  #timer: NodeJS.Timeout | undefined;

  constructor(limits: LargeMessageLimits = LARGE_MESSAGE_LIMITS) {
    this.#limits = limits;
  }

  /** @returns how to give the place back, or to wait no more; harmless when repeated */
  take(applicant: Applicant): Release {
    const bytes = Math.min(applicant.bytes, this.#limits.organizationBytes, this.#limits.totalBytes);
    const place: Place = { applicant, bytes, since: performance.now(), measured: undefined };
    this.#waiting.add(place);
    this.#admitNext();
    if (this.#waiting.size > 0) this.#timer ??= setInterval(() => this.#measure(), this.#limits.rateMs).unref();
    return () => this.#release(place);
  }

  #release(place: Place): void {
    if (this.#admitted.delete(place) || this.#waiting.delete(place)) this.#admitNext();
  }

  #admitNext(): void {
    for (const place of this.#waiting) {
      const { applicant, bytes } = place;
      if (this.#used(applicant.organizationId) + bytes > this.#limits.organizationBytes) continue;
      if (this.#used() + bytes > this.#limits.totalBytes) break;
      this.#waiting.delete(place);
      this.#admitted.add(place);
      applicant.admitted();
    }
    if (this.#waiting.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    for (const place of this.#admitted) place.measured = undefined;
  }

  #used(organizationId?: string): number {
    let bytes = 0;
    for (const place of this.#admitted)
      if (organizationId === undefined || place.applicant.organizationId === organizationId) bytes += place.bytes;
    return bytes;
  }

  /** While some wait, those that have a place have to make progress, and no wait lasts for ever. */
  #measure(): void {
    const { minRate, rateMs, maxWaitMs } = this.#limits;
    const least = (minRate * rateMs) / 1000;
    for (const place of [...this.#admitted]) {
      const before = place.measured;
      const arrived = place.applicant.arrived();
      place.measured = arrived;
      if (before === undefined || arrived === undefined || arrived - before >= least) continue;
      this.#refuse(place, `a message of more than ${LARGE_MESSAGE_BYTES} bytes arrived too slowly while others waited`);
    }
    for (const place of [...this.#waiting]) {
      if (performance.now() - place.since > maxWaitMs)
        this.#refuse(place, `a message of more than ${LARGE_MESSAGE_BYTES} bytes has waited too long for its turn`);
    }
  }

  #refuse(place: Place, reason: string): void {
    place.applicant.refused(reason);
    this.#release(place);
  }
}
