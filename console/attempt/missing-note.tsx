/** In the log, where lines are missing: where they are, and what happens next. */
import type { Schemas } from '../../api/client/client.js';
import { Time } from '../ui/time.js';
import { visible } from '../ui/visible.js';

export function MissingNote({
  missing,
  detail,
}: {
  missing: Schemas['MissingLines'];
  detail: Schemas['AttemptDetail'];
}) {
  const { sync, node_info: node } = detail;
  return (
    <>
      {visible(missing.explanation)} <NodeIsAway node={node} /> {visible(sync.next.sentence)}
    </>
  );
}

/** Nothing, as long as the node is there. */
export function NodeIsAway({ node }: { node: Schemas['NodeInfo'] }) {
  if (node.status !== 'offline') return null;
  if (node.since === null) return <>Node {visible(node.name)} is offline.</>;
  return (
    <>
      Node {visible(node.name)} went offline <Time at={node.since} />.
    </>
  );
}
