/** Writes for those who only want to watch. */

const PACE_MS = 1_100;
/** Then it pauses by itself: nobody looks that long. */
const LINES_MAX = 300;

const LINES = [
  'Low tide at six. Coming to the rocks?',
  'On my way. Is the big limpet still there?',
  'Still there. It has not moved since Tuesday.',
  'Even in that storm?',
  'It just held on. Waves came over it all night.',
  'How does it do that?',
  'One strong foot, and a scar in the rock that fits it exactly.',
  'So it always finds its way home?',
  'After every tide, to the same spot.',
  'I would like my phone to do that.',
  'In the tunnel it forgets half of what I say.',
  'Try cutting me off now.',
  'Go on then. I keep talking.',
  'Did all of it arrive?',
  'Every word. Once, and in order.',
  'Then I will bring the tea.',
];

export class Chatter {
  private timer: ReturnType<typeof setInterval> | undefined;
  private next = 0;
  private left = LINES_MAX;

  /** `say` is called with 0 and 1 in turn; `stopped` when it pauses by itself. */
  constructor(private readonly say: (who: number, text: string) => void, private readonly stopped: () => void) {}

  get isOn(): boolean {
    return this.timer !== undefined;
  }

  set(on: boolean): void {
    clearInterval(this.timer);
    this.left = LINES_MAX;
    this.timer = on ? setInterval(() => this.speak(), PACE_MS) : undefined;
  }

  private speak(): void {
    if (document.hidden) return;
    this.say(this.next % 2, LINES[this.next % LINES.length]!);
    this.next++;
    if (--this.left > 0) return;
    this.set(false);
    this.stopped();
  }
}
