import { useRef, useState } from 'preact/hooks';
import type { Schemas } from '../../api/client/client.js';
import { isAdmin } from '../hive/session.js';
import { addressOf } from '../ui/address.js';
import { Button } from '../ui/button.js';
import { CardTable, type Column } from '../ui/card-table.js';
import { formatCount } from '../ui/format-count.js';
import { StateBadge } from '../ui/state-badge.js';
import { Time } from '../ui/time.js';
import { useRowKeys } from '../ui/use-row-keys.js';
import { visible } from '../ui/visible.js';
import { agentOf } from './agent.js';
import { Incomplete } from './incomplete.js';

type Node = Schemas['Node'];

/** More are shown when somebody asks, so that what is below them can be reached. */
const SHOWN = 200;

export interface NodeTableProps {
  nodes: readonly Node[];
  remove: (node: Node) => void;
}

export function NodeTable({ nodes, remove }: NodeTableProps) {
  const [isAll, setAll] = useState(false);
  const table = useRef<HTMLTableElement>(null);
  useRowKeys('Nodes', table, 'node');
  const columns: Column<Node>[] = [
    { title: 'Node', width: '22%', isName: true, cell: nameCell },
    { title: 'State', width: '17%', cell: stateCell },
    { title: 'Last heard', width: '12%', cell: ({ last_heartbeat_at: at }) => <Time at={at} /> },
    { title: 'Agent', width: '17%', cell: agentCell },
    { title: 'Not here yet', cell: (node) => <Incomplete nodeId={node.id} incomplete={node.incomplete} /> },
  ];
  if (isAdmin()) {
    columns.push({
      title: 'Actions',
      width: '6rem',
      isSilent: true,
      cell: (node) => (
        <div class="nodes-buttons">
          <Button tone="bare" onClick={() => remove(node)}>
            Delete<span class="only-heard"> the node {visible(node.name)}</span>
          </Button>
        </div>
      ),
    });
  }
  return (
    <>
      <CardTable
        label="Nodes"
        columns={columns}
        items={isAll ? nodes : nodes.slice(0, SHOWN)}
        keyOf={({ id }) => id}
        tableRef={table}
      />
      {!isAll && nodes.length > SHOWN && (
        <p>
          <Button onClick={() => setAll(true)}>Show all {formatCount(nodes.length)} nodes</Button>
        </p>
      )}
    </>
  );
}

function nameCell({ id, name }: Node) {
  return (
    <a class="nodes-name" data-row href={addressOf('/attempts', { node_id: id })} title="Its attempts">
      {visible(name)}
    </a>
  );
}

function stateCell({ status, status_since: since }: Node) {
  return (
    <>
      <StateBadge state={status} />{' '}
      <span class="nodes-soft">
        {since === null ? (
          'never connected'
        ) : (
          <>
            {status === 'offline' ? 'disconnected' : 'connected'} <Time at={since} />
          </>
        )}
      </span>
    </>
  );
}

function agentCell({ capabilities, protocol_version: protocol }: Node) {
  const { version, system } = agentOf(capabilities);
  return (
    <>
      <p>
        {version === null ? 'version unknown' : visible(version)}{' '}
        <span class="nodes-soft">protocol {formatCount(protocol)}</span>
      </p>
      {system !== null && <p class="nodes-soft">{visible(system)}</p>}
    </>
  );
}
