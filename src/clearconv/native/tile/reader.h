// Reads an operand: the load transforms, a row of pixels at a time.
#pragma once

#include "native/passes/channels.h"
#include "operand.h"

namespace clearconv::CLEARCONV_VARIANT {

// ReLU, cut off at `ceiling`. NaN stays.
template <class T>
inline Vector<T> rectify(Vector<T> v, Vector<T> ceiling) {
  const Vector<T> positive = v < Vector<T>{} ? Vector<T>{} : v;
  return positive > ceiling ? ceiling : positive;
}

// Where ReLU lets a gradient through, computed from its input or its result.
template <class T>
inline Mask<T> open(Vector<T> v, Vector<T> ceiling) {
  return (v > Vector<T>{}) & (v < ceiling);
}

// The channels [first, first + count) of an operand.
template <class T>
inline Operand<T> channels(Operand<T> operand, Index first, Index count) {
  operand.x.data += first * operand.x.stride[1];
  operand.x.shape[1] = count;
  if (operand.beside.data) operand.beside.data += first;
  if (operand.winner.data) operand.winner.data += first;
  const T** numbers[] = {&operand.centre, &operand.scale, &operand.shift,
                         &operand.a,      &operand.b,     &operand.d};
  for (const T** each : numbers)
    if (*each) *each += first;
  return operand;
}

// The pixels of one row as a load transform sees them: address of pixel (n, h, w) in each array.
template <class T>
struct RowOf {
  const T* data;
  Index step;
  RowOf(const Tensor<const T>& x, Index n, Index h, Index w)
      : data(x.data + n * x.stride[0] + h * x.stride[2] + w * x.stride[3]), step(x.stride[3]) {}
};

template <class T>
inline void read_plain(const Tensor<const T>& x, Index n, Index h, Index w, Index count, T* to,
                       Index pitch) {
  const Index C = x.shape[1], cs = x.stride[1], ws = x.stride[3];
  const RowOf<T> row(x, n, h, w);
  if ((cs == 1 || C == 1) && ws == C && pitch == C) {
    std::memcpy(to, row.data, count * C * sizeof(T));
  } else if (cs == 1) {
    for (Index i = 0; i < count; ++i) {
      const T* from = row.data + i * ws;
      T* target = to + i * pitch;
      Index c = 0;
      for (; c + kLanes<T> <= C; c += kLanes<T>) store(target + c, load(from + c));
      for (; c < C; ++c) target[c] = from[c];
    }
  } else {
    for (Index c = 0; c < C; ++c)
      for (Index i = 0; i < count; ++i) to[i * pitch + c] = row.data[i * ws + c * cs];
  }
}

// For each pixel and each vector of its channels: to = transform(pixel, first channel, lanes).
template <class T, class Transform>
inline void read_each(Index C, Index count, T* to, Index pitch, const Transform& transform) {
  constexpr int L = kLanes<T>;
  const Index whole = C / L * L;
  for (Index c = 0; c < whole; c += L)  // channels outermost: a channel's numbers stay in registers
    transform(c, Index(L), [&](Index i, Vector<T> v) { store(to + i * pitch + c, v); }, count);
  if (whole < C)
    transform(whole, C - whole,
              [&](Index i, Vector<T> v) { store_part(to + i * pitch + whole, v, C - whole); },
              count);
}

template <class T>
inline void read_normalised(const Operand<T>& o, Index n, Index h, Index w, Index count, T* to,
                            Index pitch) {
  const RowOf<T> x(o.x, n, h, w);
  const Vector<T> ceiling = Vector<T>{} + o.ceiling;
  read_each(o.shape(1), count, to, pitch, [&](Index c, Index lanes, auto put, Index pixels) {
    const Vector<T> centre = load_part(o.centre + c, lanes), scale = load_part(o.scale + c, lanes),
                    shift = load_part(o.shift + c, lanes);
    for (Index i = 0; i < pixels; ++i) {
      const Vector<T> v = (load_part(x.data + i * x.step + c, lanes) - centre) * scale + shift;
      put(i, o.relu ? rectify<T>(v, ceiling) : v);
    }
  });
}

template <class T>
inline void read_gated(const Operand<T>& o, Index n, Index h, Index w, Index count, T* to,
                       Index pitch) {
  const RowOf<T> x(o.x, n, h, w), gate(o.beside, n, h, w);
  const Vector<T> ceiling = Vector<T>{} + o.ceiling;
  read_each(o.shape(1), count, to, pitch, [&](Index c, Index lanes, auto put, Index pixels) {
    for (Index i = 0; i < pixels; ++i) {
      const Vector<T> y = load_part(gate.data + i * gate.step + c, lanes);
      const Vector<T> g = load_part(x.data + i * x.step + c, lanes);
      put(i, open<T>(y, ceiling) ? g : Vector<T>{});
    }
  });
}

template <class T>
inline void read_gradient(const Operand<T>& o, Index n, Index h, Index w, Index count, T* to,
                          Index pitch) {
  const RowOf<T> x(o.x, n, h, w), z(o.beside, n, h, w);
  const Vector<T> ceiling = Vector<T>{} + o.ceiling;
  read_each(o.shape(1), count, to, pitch, [&](Index c, Index lanes, auto put, Index pixels) {
    const Vector<T> centre = load_part(o.centre + c, lanes), scale = load_part(o.scale + c, lanes),
                    shift = load_part(o.shift + c, lanes), a = load_part(o.a + c, lanes),
                    b = load_part(o.b + c, lanes), d = load_part(o.d + c, lanes);
    for (Index i = 0; i < pixels; ++i) {
      const Vector<T> away = load_part(z.data + i * z.step + c, lanes) - centre;
      Vector<T> g = load_part(x.data + i * x.step + c, lanes);
      if (o.relu) g = open<T>(away * scale + shift, ceiling) ? g : Vector<T>{};
      put(i, a * g + (b * away + d));
    }
  });
}

// One byte for each lane, as wide numbers.
template <class T>
inline Mask<T> load_bytes(const uint8_t* from, Index count) {
  Lanes<T, uint8_t> bytes = {};
  if (count >= kLanes<T>)
    std::memcpy(&bytes, from, sizeof bytes);
  else
    for (Index l = 0; l < count; ++l) bytes[l] = from[l];
  return convert<T, Integer<T>, uint8_t>(bytes);
}

template <class T>
inline void store_bytes(uint8_t* to, Mask<T> numbers, Index count) {
  const Lanes<T, uint8_t> bytes = convert<T, uint8_t, Integer<T>>(numbers);
  if (count >= kLanes<T>)
    std::memcpy(to, &bytes, sizeof bytes);
  else
    for (Index l = 0; l < count; ++l) to[l] = bytes[l];
}

template <class T>
inline void read_unpooled(const Operand<T>& o, Index n, Index h, Index w, Index count, T* to,
                          Index pitch) {
  const Index C = o.shape(1), p = h / 2, end = w + count;
  const Index covered = p < o.pooled[0] ? least(end, 2 * o.pooled[1]) : w;
  const RowOf<T> x(o.x, n, p, 0);
  const uint8_t* winner = o.winner.data + n * o.winner.stride[0] + p * o.winner.stride[2];
  for (Index at = w; at < covered; ++at) {
    const T* from = x.data + at / 2 * x.step;
    const uint8_t* who = winner + at / 2 * o.winner.stride[3];
    const Mask<T> self = Mask<T>{} + int(h % 2 * 2 + at % 2);
    T* target = to + (at - w) * pitch;
    for (Index c = 0; c < C; c += kLanes<T>) {
      const Index lanes = least(kLanes<T>, C - c);
      const Vector<T> g = load_part(from + c, lanes);
      store_part(target + c, load_bytes<T>(who + c, lanes) == self ? g : Vector<T>{}, lanes);
    }
  }
  for (Index at = most(covered, w); at < end; ++at)  // a last row or column that no window covers
    std::memset(to + (at - w) * pitch, 0, C * sizeof(T));
}

// Pixels [w, w + count) of row h of image n, all channels, `pitch` numbers apart.
template <class T>
inline void read_pixels(const Operand<T>& o, Index n, Index h, Index w, Index count, T* to,
                        Index pitch) {
  switch (o.how) {
    case Operand<T>::plain: return read_plain(o.x, n, h, w, count, to, pitch);
    case Operand<T>::normalised: return read_normalised(o, n, h, w, count, to, pitch);
    case Operand<T>::gated: return read_gated(o, n, h, w, count, to, pitch);
    case Operand<T>::gradient: return read_gradient(o, n, h, w, count, to, pitch);
    case Operand<T>::unpooled: return read_unpooled(o, n, h, w, count, to, pitch);
  }
}

// Pixels [first, first + count) of row h, zeros outside the image. Behind a pixel's channels the
// numbers up to `pitch` are not written.
template <class T>
inline void read_padded(const Operand<T>& o, Index n, Index h, Index first, Index count, T* to,
                        Index pitch) {
  const Index C = o.shape(1), H = o.shape(2), W = o.shape(3);
  const bool inside = h >= 0 && h < H;
  const Index begin = inside ? least(most(-first, 0), count) : count;
  const Index end = inside ? most(least(W - first, count), begin) : count;
  for (Index i = 0; i < begin; ++i) std::memset(to + i * pitch, 0, C * sizeof(T));
  if (begin < end) read_pixels(o, n, h, first + begin, end - begin, to + begin * pitch, pitch);
  for (Index i = end; i < count; ++i) std::memset(to + i * pitch, 0, C * sizeof(T));
}

}  // namespace clearconv::CLEARCONV_VARIANT
