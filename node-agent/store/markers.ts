/**
 * The hive's markers. The hive's database contains a marker only if it also contains everything that this node was told
 * before the marker came. An acknowledgement therefore counts as long as the hive knows a marker that covers it.
 */
import { MAX_MARKERS } from '../../protocol/limits.js';
import type { Store } from './open.js';
import {
  COUNT_LOST_ACKS,
  COVER_ACKS,
  COVER_BY_ANOTHER,
  DELETE_MARKER,
  DELETE_MARKERS_AFTER,
  FORGET_EXECUTION_ACKS_OF_FORGOTTEN,
  FORGET_UNCOVERED_ACKS,
  INSERT_MARKER,
  SELECT_LAST_KNOWN_MARKER,
  SELECT_MARKERS,
} from './sql.js';

interface Marker {
  /** Higher than those of all earlier markers. */
  seq: number;
  id: string;
}

/** Stores a marker: it covers all acknowledgements that came before. */
export function addMarker(store: Store, id: string): void {
  store.write(() => {
    store.prepare(INSERT_MARKER).run(id);
    store.prepare(COVER_ACKS).run();
    const markers = listMarkers(store);
    if (markers.length > MAX_MARKERS) dropLeastUseful(store, markers);
  });
}

/** @returns the ids of the markers, newest first, at most {@link MAX_MARKERS} */
export function heldMarkers(store: Store): string[] {
  return listMarkers(store).map(({ id }) => id);
}

export interface Forgotten {
  /** Attempts that are announced again. */
  attempts: number;
  /** Those of them that the hive had and has lost: it does not know the marker that covers them. */
  lost: number;
}

/**
 * Holds the acknowledgements against the hive's history at a login. Those that came after the newest marker that the
 * hive knows are forgotten: their attempts are announced again.
 * @param known ids of those of the node's markers that the hive's database contains
 */
export function compareHistory(store: Store, known: readonly string[]): Forgotten {
  return store.write(() => {
    const last = store.value(SELECT_LAST_KNOWN_MARKER, JSON.stringify(known)) as number;
    const lost = store.value(COUNT_LOST_ACKS, last) as number;
    const attempts = store.prepare(FORGET_UNCOVERED_ACKS).run(last).changes;
    if (attempts > 0) store.prepare(FORGET_EXECUTION_ACKS_OF_FORGOTTEN).run();
    store.prepare(DELETE_MARKERS_AFTER).run(last);
    return { attempts, lost };
  });
}

function listMarkers(store: Store): Marker[] {
  return store.prepare<Marker>(SELECT_MARKERS).all();
}

/**
 * Drops the marker whose neighbours are closest to each other for its age, so that recent markers lie close together and
 * old ones far apart. The next newer marker covers what it covered.
 */
function dropLeastUseful(store: Store, newestFirst: readonly Marker[]): void {
  const newest = newestFirst[0]?.seq ?? 0;
  let least: { drop: number; into: number; distance: number } | undefined;
  for (const [index, { seq }] of newestFirst.entries()) {
    const [newer, older] = [newestFirst[index - 1]?.seq, newestFirst[index + 1]?.seq ?? 0];
    if (newer === undefined) continue;
    const distance = (newer - older) / (newest - seq);
    if (!least || distance < least.distance) least = { drop: seq, into: newer, distance };
  }
  if (!least) return;
  store.prepare(COVER_BY_ANOTHER).run(least.into, least.drop);
  store.prepare(DELETE_MARKER).run(least.drop);
}
