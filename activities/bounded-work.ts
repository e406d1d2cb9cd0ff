/** Work of a round that ends in time; what is left is done in the next one. */
export interface BoundedWork {
  /** Nothing further is begun after this time of `performance.now()`. */
  until: number;
  /** Aborted when the process stops. */
  signal?: AbortSignal;
  /** Called between pages and between executions. */
  alive?: () => void;
}

export function isOver({ until, signal }: BoundedWork): boolean {
  return performance.now() >= until || signal?.aborted === true;
}
