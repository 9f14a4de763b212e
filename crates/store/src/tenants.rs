//! Tenants: all that are known, in order of their names, and how many may be.

use crate::WriteError;
use crate::tenant::Tenant;
use hashbrown::HashMap;
use parking_lot::{Mutex, RwLock};
use skald_model::TenantId;
use std::sync::Arc;

/// Every tenant that has, or had, entries or a folder.
#[derive(Debug)]
pub(crate) struct Tenants {
    /// Most that pushes may make.
    most: usize,
    /// One that does not count.
    own: Option<TenantId>,
    known: RwLock<HashMap<TenantId, Arc<Tenant>>>,
    /// All of them sorted, until another comes.
    sorted: Mutex<Option<Arc<Vec<Arc<Tenant>>>>>,
}

impl Tenants {
    pub(crate) fn new(most: usize, own: Option<TenantId>) -> Tenants {
        Tenants {
            most,
            own,
            known: RwLock::default(),
            sorted: Mutex::default(),
        }
    }

    /// A tenant that is known.
    pub(crate) fn get(&self, id: &TenantId) -> Option<Arc<Tenant>> {
        self.known.read().get(id).cloned()
    }

    /// A tenant, known from now on whatever their number: its data are here.
    pub(crate) fn get_or_add(&self, id: &TenantId) -> Arc<Tenant> {
        match self.get(id) {
            Some(tenant) => tenant,
            None => self.add(id, usize::MAX).expect("there is no bound"),
        }
    }

    /// A tenant for a push: one more is taken while there are fewer than the limit.
    pub(crate) fn get_or_admit(&self, id: &TenantId) -> Result<Arc<Tenant>, WriteError> {
        match self.get(id) {
            Some(tenant) => Ok(tenant),
            None => self.add(id, self.most).ok_or_else(|| self.refusal(id)),
        }
    }

    /// Whether a push of this tenant would be taken as far as their number goes.
    pub(crate) fn admits(&self, id: &TenantId) -> Result<(), WriteError> {
        let known = self.known.read();
        let is_free = self.own.as_ref() == Some(id) || self.counted(&known) < self.most;
        match is_free || known.contains_key(id) {
            true => Ok(()),
            false => Err(self.refusal(id)),
        }
    }

    /// How many are known that count.
    pub(crate) fn count(&self) -> usize {
        self.counted(&self.known.read())
    }

    fn counted(&self, known: &HashMap<TenantId, Arc<Tenant>>) -> usize {
        let own = self.own.as_ref().filter(|own| known.contains_key(*own));
        known.len() - usize::from(own.is_some())
    }

    /// Every tenant, sorted.
    pub(crate) fn all(&self) -> Arc<Vec<Arc<Tenant>>> {
        let mut sorted = self.sorted.lock();
        let known = self.known.read();
        if let Some(all) = sorted.as_ref().filter(|all| all.len() == known.len()) {
            return all.clone();
        }
        let mut all: Vec<Arc<Tenant>> = known.values().cloned().collect();
        drop(known);
        // In the same order each time, so that a simulated crash finds the same disk again.
        all.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        let all = Arc::new(all);
        *sorted = Some(all.clone());
        all
    }

    /// Adds a tenant unless there are `most` others.
    fn add(&self, id: &TenantId, most: usize) -> Option<Arc<Tenant>> {
        let mut known = self.known.write();
        let number = known.len();
        if let Some(tenant) = known.get(id) {
            return Some(tenant.clone());
        }
        if self.own.as_ref() != Some(id) && self.counted(&known) >= most {
            return None;
        }
        let tenant = Arc::new(Tenant::new(id.clone(), number));
        known.insert(id.clone(), tenant.clone());
        Some(tenant)
    }

    fn refusal(&self, id: &TenantId) -> WriteError {
        WriteError::TooManyTenants {
            tenant: id.clone(),
            limit: self.most,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> TenantId {
        TenantId::parse(name).expect("the name is good")
    }

    #[test]
    fn pushes_add_tenants_up_to_the_limit_and_data_beyond_it() {
        let tenants = Tenants::new(2, Some(id("own")));
        tenants.get_or_admit(&id("own")).expect("it does not count");
        for name in ["b", "a", "b"] {
            tenants.get_or_admit(&id(name)).expect("there is room");
        }
        let refused = tenants.get_or_admit(&id("c")).expect_err("there is none");
        assert!(refused.to_string().contains("limit: 2"), "{refused}");
        assert!(tenants.admits(&id("c")).is_err() && tenants.admits(&id("a")).is_ok());
        assert!(tenants.get(&id("c")).is_none(), "a refusal leaves nothing");
        tenants.get_or_add(&id("0"));
        let names: Vec<String> = tenants.all().iter().map(|t| t.id.to_string()).collect();
        assert_eq!(names, ["0", "a", "b", "own"]);
        assert_eq!(tenants.count(), 3);
    }
}
