import { bodyOf, type Hive, type Schemas } from './api.js';
import { shortText } from './attempt-text.js';

type Node = Schemas['Node'];

export function listNodes({ api }: Hive): Promise<Node[]> {
  return bodyOf(api.GET('/v1/nodes'));
}

/** @param text id of a node, the beginning of one (at least 4 characters), or a name @throws Error if it is none, or not one only */
export function findNode(nodes: readonly Node[], text: string): Node {
  const named = nodes.filter(({ id, name }) => id === text.toLowerCase() || name === text);
  const meant =
    named.length > 0 || text.length < 4 ? named : nodes.filter(({ id }) => id.startsWith(text.toLowerCase()));
  const [node, second] = meant;
  if (!node) throw new Error(`there is no node ${shortText(text)}; hive nodes lists them`);
  if (!second) return node;
  const candidates = meant.map(({ id, name, status }) => `\n  ${id}  ${status}  ${shortText(name)}`);
  throw new Error(`more than one node is meant by ${shortText(text)}: give the id${candidates.join('')}`);
}

/** @returns a node's name, by its id */
export function namesOf(nodes: readonly Node[]): (id: string) => string {
  const names = new Map(nodes.map(({ id, name }) => [id, shortText(name)]));
  return (id) => names.get(id) ?? id.slice(0, 8);
}
