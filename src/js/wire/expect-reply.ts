import { internal } from '../errors.ts';
import { ENGINE_FRAME, type EngineFrame } from './engine-frame.ts';

/** @throws {GondolinError} ERR_INTERNAL with the guest's reason, if it gives one, for a frame of another type. */
export function expectReply(frame: EngineFrame, type: number): void {
  if (frame.type === type) return;
  const isRefusal = frame.type === ENGINE_FRAME.refused;
  throw internal(isRefusal ? frame.payload.toString() : `a reply of type ${frame.type}`);
}
