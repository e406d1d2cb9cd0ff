/** What a node's store contains: the truth that the hive's copy is compared with. */
import { storedLines } from '../../node-agent/testing/stored-lines.js';
import type { ChaosNode } from './node.js';

export interface NodeExecution {
  attemptId: string;
  executionId: string;
  status: string;
  /** Encoded as in a page. */
  lines: string[];
}

/** @returns the ids of the attempts in the node's store */
export function attemptsOf(node: ChaosNode): string[] {
  return query(node, (store) =>
    store
      .prepare<{ id: string }>('SELECT id FROM attempt')
      .all()
      .map(({ id }) => id),
  );
}

export function executionsOf(node: ChaosNode): NodeExecution[] {
  return query(node, (store) => {
    return store
      .prepare<{ key: number; executionId: string; attemptId: string; status: string }>(
        'SELECT e.key, e.id AS "executionId", a.id AS "attemptId", e.status FROM execution e JOIN attempt a ON a.key = e.attempt_key',
      )
      .all()
      .map(({ key, ...execution }) => ({ ...execution, lines: storedLines(store, key) }));
  });
}

function query<T>(node: ChaosNode, ask: (store: ReturnType<ChaosNode['openStore']>) => T): T {
  const store = node.openStore();
  try {
    return ask(store);
  } finally {
    store.close();
  }
}
