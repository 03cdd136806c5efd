//! A bounded cache: when its younger generation is full, that one replaces the older, which is forgotten.

use std::collections::BTreeMap;

/// Values by key, in two generations of a limited weight each. What was inserted last, up to the weight of
/// one generation, is remembered for certain.
#[derive(Clone, Debug)]
pub struct Generations<K, V> {
    young: BTreeMap<K, V>,
    old: BTreeMap<K, V>,
    /// Sum of the weights that were inserted into `young`.
    weight: usize,
    max_weight: usize,
}

impl<K: Ord, V> Generations<K, V> {
    /// An empty cache whose two generations hold values of at most this weight each.
    pub const fn new(max_weight: usize) -> Self {
        Self { young: BTreeMap::new(), old: BTreeMap::new(), weight: 0, max_weight }
    }

    /// The value of a key, if it is remembered.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.young.get(key).or_else(|| self.old.get(key))
    }

    /// The value of a key, to be changed in the generation that it is in.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.young.get_mut(key).or_else(|| self.old.get_mut(key))
    }

    /// Adds a value to the younger generation, after making room for its weight.
    pub fn insert(&mut self, key: K, value: V, weight: usize) {
        if self.weight.saturating_add(weight) > self.max_weight {
            self.old = core::mem::take(&mut self.young);
            self.weight = 0;
        }
        self.old.remove(&key);
        self.young.insert(key, value);
        self.weight = self.weight.saturating_add(weight);
    }

    /// The value of a key, which moves to the younger generation with its weight.
    pub fn touch(&mut self, key: K, weight: impl FnOnce(&V) -> usize) -> Option<&mut V>
    where
        K: Copy,
    {
        if !self.young.contains_key(&key) {
            let value = self.old.remove(&key)?;
            let weight = weight(&value);
            self.insert(key, value, weight);
        }
        self.young.get_mut(&key)
    }

    /// The value of a key as of [`Self::touch`], with weight one; the default if the key was not remembered.
    pub fn renew(&mut self, key: K) -> &mut V
    where
        K: Copy,
        V: Default,
    {
        if self.touch(key, |_| 1).is_none() {
            self.insert(key, V::default(), 1);
        }
        self.young.entry(key).or_default()
    }

    /// Forgets a key and its value.
    pub fn remove(&mut self, key: &K) {
        self.young.remove(key);
        self.old.remove(key);
    }

    /// Every value that is remembered.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.young.values().chain(self.old.values())
    }

    /// Every value that is remembered, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.young.values_mut().chain(self.old.values_mut())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_are_remembered_and_the_rest_is_bounded() {
        let mut cache = Generations::new(4);
        for number in 0..1_000_u32 {
            cache.insert(number, number, 1);
            assert!(cache.young.len() + cache.old.len() <= 8);
            assert!((number.saturating_sub(3)..=number).all(|latest| cache.get(&latest) == Some(&latest)));
        }
        assert_eq!(cache.get(&0), None);
    }

    #[test]
    fn what_is_renewed_keeps_its_value_and_stays() {
        let mut cache = Generations::new(2);
        *cache.renew(0) = 7;
        for number in 1..100_u32 {
            cache.renew(number);
            assert_eq!(*cache.renew(0), 7);
        }
        cache.remove(&0);
        assert_eq!(cache.get(&0), None);
    }

    #[test]
    fn a_heavy_value_takes_the_place_of_several() {
        let mut cache = Generations::new(10);
        (0..5_u32).for_each(|number| cache.insert(number, (), 2));
        cache.insert(5, (), 10);
        cache.insert(6, (), 1);
        assert!(cache.get(&0).is_none() && cache.get(&5).is_some() && cache.get(&6).is_some());
    }
}
