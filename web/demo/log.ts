/** A conversation on screen: what has a number in the order of the numbers, then what still waits. */

/** Lines on screen; the oldest go. */
const LINES_MAX = 200;

export interface Message {
  id: string;
  sender_id: string;
  plaintext: string;
  sequence_number: number;
}

export class Log {
  private readonly waiting = new Map<string, HTMLElement>();

  constructor(private readonly list: HTMLElement, private readonly owner: string) {}

  /** Our own message, without a number yet. */
  addWaiting(id: string, text: string): void {
    if (this.waiting.has(id)) return;
    const line = makeLine('own waiting', this.owner, text, 'waiting');
    this.waiting.set(id, line);
    this.place(line, null);
  }

  /** The relay has it on its disk. */
  delivered(id: string): void {
    this.mark(id, 'own', 'sent ✓');
  }

  refused(id: string, why: string): void {
    this.mark(id, 'own refused', `refused: ${why}`);
  }

  /** It was never kept. */
  remove(id: string): void {
    this.waiting.get(id)?.remove();
    this.waiting.delete(id);
  }

  /** A message of the conversation, in its place. */
  add(message: Message, isOwn: boolean): void {
    const fate = isOwn ? `#${message.sequence_number} sent ✓` : `#${message.sequence_number}`;
    this.remove(message.id);
    this.place(makeLine(isOwn ? 'own' : 'other', message.sender_id, message.plaintext, fate), this.firstWaiting());
  }

  /** What happened to the connection. */
  event(kind: 'lost' | 'back', text: string): void {
    const line = document.createElement('div');
    line.className = `event ${kind}`;
    line.textContent = text;
    this.place(line, this.firstWaiting());
  }

  /** Of those that are still on screen: the oldest may have had to go. */
  private firstWaiting(): HTMLElement | null {
    for (const line of this.waiting.values()) if (line.parentNode === this.list) return line;
    return null;
  }

  private mark(id: string, className: string, fate: string): void {
    const line = this.waiting.get(id);
    if (!line) return;
    line.className = className;
    line.lastElementChild!.textContent = fate;
  }

  /** Whoever reads further up is not pulled down. */
  private place(line: HTMLElement, before: HTMLElement | null): void {
    const { list } = this;
    const isAtEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 60;
    list.insertBefore(line, before);
    while (list.childElementCount > LINES_MAX) list.firstElementChild!.remove();
    if (isAtEnd) list.scrollTop = list.scrollHeight;
  }
}

/** Who wrote it is told by side and colour, and to screen readers in words. */
function makeLine(className: string, who: string, text: string, fate: string): HTMLElement {
  const line = document.createElement('div');
  line.className = className;
  for (const [name, content] of [['hidden', `${who}: `], ['bubble', text], ['fate', fate]] as const) {
    const part = document.createElement('span');
    part.className = name;
    part.textContent = content;
    line.append(part);
  }
  return line;
}
