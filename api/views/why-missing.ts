/** Where the lines are that the hive does not have, in sentences for people. */
import type { MissingLines } from '../../prisma/queries/find-attempt.js';
import { unavailableReason } from './unavailable.js';

const WILL_NOT_COME = 'will_not_come';

/** Why the hive set lines aside, by the code, with the name of the node. A code counts for all that begin with it. */
const SET_ASIDE: readonly (readonly [code: string, why: (node: string) => string])[] = [
  ['page_', (node) => `what node ${node} sent of them is damaged`],
  ['lines_missing_at_node', (node) => `node ${node} has fewer of them than it says`],
  ['not_found_at_node', (node) => `node ${node} no longer has them`],
  ['unreadable_at_node', (node) => `node ${node} could not read them`],
];

/** @returns where the lines are, or why they can not be had, and then what brings them nevertheless */
export function whyMissing({ firstSeq, lastSeq, reason }: MissingLines, node: string): string {
  const [what, are] = linesOf(firstSeq, lastSeq);
  if (reason.startsWith(WILL_NOT_COME)) {
    const code = reason.slice(WILL_NOT_COME.length).replace(/^: /, '');
    return `${what} will not come: ${unavailableReason(code)}.`;
  }
  switch (reason) {
    case 'not_stored_yet':
      return `${what} ${are} still at node ${node}.`;
    case 'gap':
      return lastSeq === null
        ? `${what} may be missing, because some arrived out of order. Node ${node} still has them.`
        : `${what} ${are} still at node ${node}: what came after arrived without them.`;
    case 'replaced':
      return `Node ${node} has this log in a newer version than the hive. ${what} of it ${are} still at the node.`;
    default: {
      const why = SET_ASIDE.find(([code]) => reason.startsWith(code))?.[1](node) ?? 'the hive refused them';
      return `${what} could not be stored: ${why} (${reason}). They are tried again when the node announces a change of the execution, or when somebody starts a backfill.`;
    }
  }
}

function linesOf(first: number, last: number | null): [what: string, are: string] {
  if (last === null) return [`Lines from ${figure(first)} on`, 'are'];
  if (first === last) return [`Line ${figure(first)}`, 'is'];
  return [`Lines ${figure(first)} to ${figure(last)}`, 'are'];
}

const figure = (seq: number): string => seq.toLocaleString('en');
