/** There is nothing to show: why, and what one can do. */
import type { ComponentChildren } from 'preact';
import './empty-state.css';

export interface EmptyStateProps {
  title: string;
  children?: ComponentChildren;
}

export function EmptyState({ title, children }: EmptyStateProps) {
  return (
    <section class="empty-state">
      <h2>{title}</h2>
      {children}
    </section>
  );
}
